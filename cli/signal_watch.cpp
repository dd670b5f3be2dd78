#include "cli/signal_watch.h"

#include "cli/exit_code.h"
#include "common/core/errors.h"
#include "common/core/thread_subject.h"
#include "common/logging/log.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace understudy {
namespace {

sigset_t watched(bool with_reload) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (with_reload) sigaddset(&set, SIGHUP);
  return set;
}

int block_and_open(bool with_reload) {
  const auto set = watched(with_reload);
  if (const int code = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); code != 0) {
    throw IoError("block", "signals", code);
  }
  const int descriptor = ::signalfd(-1, &set, SFD_CLOEXEC);
  if (descriptor < 0) throw IoError("open", "signalfd", errno);
  return descriptor;
}

}  // namespace

SignalWatch::SignalWatch(std::function<void(const char*)> stop, std::function<void()> reload)
    : stop_(std::move(stop)),
      reload_(std::move(reload)),
      signals_(block_and_open(static_cast<bool>(reload_))),
      ended_(::eventfd(0, EFD_CLOEXEC)) {
  if (ended_ < 0) {
    const int code = errno;
    ::close(signals_);
    throw IoError("open", "eventfd", code);
  }
  thread_ = start_thread([this] {
    ::pthread_setname_np(::pthread_self(), "signals");
    watch();
  });
}

SignalWatch::~SignalWatch() {
  ::eventfd_write(ended_, 1);
  thread_.join();
  ::close(ended_);
  ::close(signals_);
}

void SignalWatch::watch() {
  bool asked = false;
  for (;;) {
    std::array<pollfd, 2> waiting = {{{signals_, POLLIN, 0}, {ended_, POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;  // interrupted
    if (waiting[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo == SIGHUP) {
      reload_();
      continue;
    }
    const char* name = info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
    if (asked) {
      log::warning("forced", "second signal: ending at once", {{"signal", name}});
      ::_exit(static_cast<int>(ExitCode::forced));
    }
    asked = true;
    stop_(name);
  }
}

}  // namespace understudy
