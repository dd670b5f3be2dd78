#include "publisher/wal_watch.h"

#include "common/core/errors.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace understudy {
namespace {

void drain(int descriptor) {
  std::array<char, 4096> buffer;
  while (read(descriptor, buffer.data(), buffer.size()) > 0) {
  }
}

}  // namespace

WalWatch::WalWatch(std::string wal_path) : wal_path_(std::move(wal_path)) {
  inotify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_ < 0) throw IoError("create an event descriptor for", wal_path_, errno);
  // Without inotify (its limits are per user) idle waits end by their time alone: slower, not
  // wrong.
}

WalWatch::~WalWatch() {
  if (inotify_ >= 0) close(inotify_);
  close(wake_);
}

void WalWatch::start_watching() {
  if (inotify_ < 0 || watch_ >= 0) return;
  watch_ = inotify_add_watch(inotify_, wal_path_.c_str(), IN_MODIFY);
}

bool WalWatch::wait_idle(std::chrono::milliseconds at_most) {
  start_watching();
  std::array<pollfd, 2> descriptors{{{wake_, POLLIN, 0}, {inotify_, POLLIN, 0}}};
  const auto count = inotify_ >= 0 ? descriptors.size() : 1;
  if (poll(descriptors.data(), count, static_cast<int>(at_most.count())) <= 0) return false;
  drain(wake_);
  if (inotify_ >= 0) drain(inotify_);
  return true;
}

void WalWatch::nap(std::chrono::microseconds duration) {
  const timespec time{0, static_cast<long>(duration.count()) * 1000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

void WalWatch::leave_idle() {
  if (watch_ < 0) return;
  inotify_rm_watch(inotify_, watch_);
  watch_ = -1;
  drain(inotify_);
}

void WalWatch::wake() {
  const std::uint64_t one = 1;
  // EAGAIN means that the counter is full, so the waiter is awake already.
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
}

}  // namespace understudy
