#include "common/archive/archive_keeper.h"

#include "common/core/clock.h"
#include "common/core/thread_subject.h"
#include "common/logging/log.h"
#include "common/logging/repeated_trouble.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kLookEvery{1000};
constexpr std::chrono::milliseconds kRetry{10'000};
constexpr std::int64_t kWarnBehind_us = 300'000'000;
constexpr std::int64_t kLastLook_us = 5'000'000;
constexpr std::chrono::seconds kEndPatience{10};
constexpr int kNiceness = 19;

void stand_back() {
  pthread_setname_np(pthread_self(), "archive");
  // Of this thread alone, as Linux has it. Refused, it goes at the node's own.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
}

double seconds_since(std::int64_t time_us) {
  if (time_us == 0) return 0;
  return static_cast<double>(std::max<std::int64_t>(0, unix_time_us() - time_us)) / 1e6;
}

}  // namespace

struct ArchiveKeeper::Shared {
  explicit Shared(ArchiveOptions chosen) : options(std::move(chosen)) {}

  const ArchiveOptions options;
  std::atomic<std::int64_t> give_up_at_us{std::numeric_limits<std::int64_t>::max()};

  // Of the thread.
  RepeatedTrouble trouble;
  bool was_in_trouble = false;
  bool has_begun = false;

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  bool ending = false;
  bool ended = false;
  ArchiveReport report;
  std::string last_error;
};

ArchiveKeeper::ArchiveKeeper(ArchiveOptions options)
    : shared_(std::make_shared<Shared>(std::move(options))) {
  thread_ = start_thread([shared = shared_] {
    run(*shared);
    const std::lock_guard lock(shared->mutex);
    shared->ended = true;
    shared->changed.notify_all();
  });
}

ArchiveKeeper::~ArchiveKeeper() {
  end();
}

void ArchiveKeeper::end() {
  if (!thread_.joinable()) return;
  shared_->give_up_at_us = monotonic_time_us() + kLastLook_us;
  std::unique_lock lock(shared_->mutex);
  shared_->ending = true;
  shared_->changed.notify_all();
  if (shared_->changed.wait_for(lock, kEndPatience, [this] { return shared_->ended; })) {
    lock.unlock();
    thread_.join();
    return;
  }
  lock.unlock();
  // A network disk may not answer for ever. The thread holds nothing of ours but Shared.
  thread_.detach();
  log::warning("archive_hangs", "the archive's disk does not answer; it is not waited for",
               {{"archive", shared_->options.directory}});
}

void ArchiveKeeper::run(Shared& shared) {
  stand_back();
  Archiver archiver(
      shared.options, [&shared] { return monotonic_time_us() >= shared.give_up_at_us; },
      [&shared](const ArchiveReport& report) {
        const std::lock_guard lock(shared.mutex);
        shared.report = report;
      });
  for (;;) {
    look(shared, archiver, false);
    std::unique_lock lock(shared.mutex);
    const auto every =
        std::chrono::milliseconds(std::max<std::int64_t>(1, shared.options.every_us / 1000));
    const auto pause = shared.last_error.empty() ? std::min(kLookEvery, every) : kRetry;
    if (shared.changed.wait_for(lock, pause, [&shared] { return shared.ending; })) break;
  }
  if (!shared.was_in_trouble) look(shared, archiver, true);
}

void ArchiveKeeper::look(Shared& shared, Archiver& archiver, bool all) {
  std::string error;
  try {
    archiver.look(all);
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  const auto& directory = shared.options.directory;
  if (!error.empty()) {
    if (const auto times = shared.trouble.came(error, monotonic_time_us())) {
      log::warning("archive_failed", "nothing was archived: " + error,
                   {{"archive", directory}, {"times", *times}});
    }
  } else if (shared.was_in_trouble) {
    log::info("archive_again", "the archive can be written again", {{"archive", directory}});
  }
  shared.was_in_trouble = !error.empty();
  const auto& report = archiver.report();
  if (report.is_known && !std::exchange(shared.has_begun, true)) {
    log::info("archiving", "records and snapshots are copied to the archive",
              {{"archive", directory},
               {"last", report.last.to_string()},
               {"behind_transactions", report.behind_records},
               {"behind_bytes", report.behind_bytes}});
  }
  const std::lock_guard lock(shared.mutex);
  shared.last_error = error;
}

Seq ArchiveKeeper::keep_after() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->report.is_known ? shared_->report.last.seq : 0;
}

ArchiveView ArchiveKeeper::view() const {
  const std::lock_guard lock(shared_->mutex);
  ArchiveView view{.directory = shared_->options.directory,
                   .report = shared_->report,
                   .behind_seconds = seconds_since(shared_->report.behind_since_us),
                   .last_error = shared_->last_error,
                   .warning = {}};
  if (!view.last_error.empty()) {
    view.warning = "nothing is archived: " + view.last_error;
  } else if (view.behind_seconds * 1e6 > static_cast<double>(kWarnBehind_us)) {
    view.warning = fmt::format("the archive is {} records and {:.0f} s behind",
                               view.report.behind_records, view.behind_seconds);
  }
  return view;
}

}  // namespace understudy
