#include "common/snapshot/snapshot_keeper.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/core/thread_subject.h"
#include "common/logging/log.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kLookEvery{5000};
constexpr std::uint64_t kLeastRecords = 64ull << 20;  // smaller ones are quickly applied
constexpr std::int64_t kRetry_us = 10'000'000;
constexpr std::int64_t kRetryFullDisk_us = 15'000'000;
constexpr std::int64_t kPause_us = 10'000'000;  // between two that are taken by themselves
constexpr int kShareOfTime = 4;                 // that much longer than one took, too
constexpr std::int64_t kWarnAfter_us = 60'000'000;
constexpr int kNiceness = 19;

void stand_back() {
  pthread_setname_np(pthread_self(), "snapshot");
  // Of this thread alone, as Linux has it. Refused, it goes at the node's own.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
}

}  // namespace

SnapshotKeeper::SnapshotKeeper(PageSource& pages, SnapshotKeeperOptions options)
    : pages_(pages),
      options_(std::move(options)),
      shelf_(options_.folder, options_.stream),
      next_try_us_(monotonic_time_us() + options_.first_after.count() * 1000) {
  if (options_.every_us == 0) keep_after_ = kNoSnapshotFloor;
  thread_ = start_thread([this] { run(); });
}

SnapshotKeeper::~SnapshotKeeper() {
  end();
}

void SnapshotKeeper::end() {
  ending_ = true;
  {
    const std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void SnapshotKeeper::run() {
  stand_back();
  while (!is_ending()) {
    turn();
    std::unique_lock lock(mutex_);
    const auto until_try = std::chrono::microseconds(next_try_us_ - monotonic_time_us());
    const auto pause = until_try > std::chrono::microseconds(0)
                           ? std::min<std::chrono::microseconds>(until_try, kLookEvery)
                           : std::chrono::microseconds(kLookEvery);
    wake_.wait_for(lock, pause, [this] { return ending_ || !requests_.empty(); });
  }
  const std::lock_guard lock(mutex_);
  for (auto& request : requests_) {
    request.taken.set_value(
        SnapshotDropped{SnapshotDropped::Why::cancelled, "the node is stopping"});
  }
  requests_.clear();
}

// Whatever goes wrong harms nobody but the snapshot.
void SnapshotKeeper::turn() {
  std::deque<Request> requests;
  {
    const std::lock_guard lock(mutex_);
    requests = std::exchange(requests_, {});
  }
  try {
    look();
  } catch (const std::exception& error) {
    note_failure(error.what(), kRetry_us);
  }
  for (auto& request : requests) carry_out(request);
  if (is_open_) take_when_due();
  say_state();
}

void SnapshotKeeper::carry_out(Request& request) {
  try {
    if (!is_open_) throw Error(failure_);
    request.taken.set_value(take_now(request.output));
  } catch (...) {
    request.taken.set_exception(std::current_exception());
  }
}

void SnapshotKeeper::look() {
  if (!is_open_) {
    log_ = options_.open_log();
    shelf_.open();
    is_open_ = true;
  }
  shelf_.look(*log_);
  if (options_.every_us == 0) return;
  if (shelf_.trim(options_.retention, unix_time_us(), *log_) > 0) shelf_.look(*log_);
  set_floor();
  const bool is_connected = shelf_.newest_connected() != nullptr;
  if (is_connected) {
    unconnected_since_us_ = 0;
  } else if (unconnected_since_us_ == 0) {
    unconnected_since_us_ = monotonic_time_us();
  }
}

void SnapshotKeeper::set_floor() {
  if (options_.every_us != 0) keep_after_ = shelf_.floor();
}

// The log holds the records since the last one, so they may not outgrow it either.
std::uint64_t SnapshotKeeper::due_bytes() const {
  const auto outline = pages_.outline();
  const auto database = outline ? std::uint64_t{outline->page_count} * outline->page_size : 0;
  return std::min(std::max(database, kLeastRecords), options_.retention.max_bytes);
}

bool SnapshotKeeper::is_due() {
  if (options_.every_us == 0 || monotonic_time_us() < next_try_us_ || !pages_.outline()) {
    return false;
  }
  const auto* newest = shelf_.newest_connected();
  if (newest == nullptr) return true;
  const auto& position = newest->footer.position;
  if (log_->bounds().last.seq == position.seq) return false;  // nothing is new
  return unix_time_us() - newest->header.begun_us >= options_.every_us ||
         log_->bytes_after(position.seq) > due_bytes();
}

void SnapshotKeeper::take_when_due() {
  try {
    if (!is_due()) return;
    const auto began_us = monotonic_time_us();
    const auto taken = take_now({});
    if (const auto* dropped = std::get_if<SnapshotDropped>(&taken)) {
      if (dropped->why != SnapshotDropped::Why::cancelled) note_failure(dropped->text, kRetry_us);
      return;
    }
    const auto now_us = monotonic_time_us();
    next_try_us_ = now_us + std::max(kPause_us, kShareOfTime * (now_us - began_us));
  } catch (const std::exception& error) {
    note_failure(error.what(), is_disk_full(error) ? kRetryFullDisk_us : kRetry_us);
  }
}

void SnapshotKeeper::note_failure(const std::string& text, std::int64_t retry_us) {
  next_try_us_ = monotonic_time_us() + retry_us;
  if (std::exchange(failure_, text) == text) return;
  log::warning("snapshot_failed", "no snapshot was made: " + text,
               {{"folder", options_.folder}, {"retry_seconds", retry_us / 1'000'000}});
}

SnapshotKeeper::Taken SnapshotKeeper::take_now(const std::string& output) {
  auto taken = attempt(output);
  {
    const std::lock_guard lock(mutex_);
    report_.progress.reset();
  }
  set_floor();
  const auto* entry = std::get_if<SnapshotEntry>(&taken);
  if (entry == nullptr) return taken;
  log::info("snapshot_taken", "a snapshot was made",
            {{"file", entry->path},
             {"position", entry->footer.position.to_string()},
             {"bytes", entry->bytes},
             {"records", entry->footer.position.seq - entry->footer.first_as_of}});
  if (!output.empty()) return taken;
  failure_.clear();
  shelf_.add(*entry);
  look();
  return taken;
}

SnapshotKeeper::Taken SnapshotKeeper::attempt(const std::string& output) {
  SnapshotTask task{
      .stream = options_.stream,
      .partial = output.empty() ? shelf_.folder() + "/taking.partial" : output + ".partial",
      .name = {},
      .is_cancelled = [this] { return is_ending(); },
      .progress =
          [this](std::uint64_t done, std::uint64_t total) {
            const std::lock_guard lock(mutex_);
            report_.progress = static_cast<double>(done) / static_cast<double>(total);
          },
      .began =
          [this](Seq first_as_of) {
            if (options_.every_us == 0) return;
            keep_after_ = std::min(keep_after_.load(), first_as_of);
          }};
  task.name = [&](const Position& position) {
    return output.empty() ? shelf_.folder() + "/" + snapshot_name(position) : output;
  };
  const SnapshotEntry* there = nullptr;
  auto taken = take_snapshot(pages_, *log_, task);
  // Nobody wrote since the last one.
  const auto* dropped = std::get_if<SnapshotDropped>(&taken);
  if (output.empty() && dropped != nullptr && dropped->why == SnapshotDropped::Why::name_taken) {
    there = shelf_.newest_connected();
  }
  return there == nullptr ? std::move(taken) : Taken{*there};
}

SnapshotKeeper::Taken SnapshotKeeper::take(const std::string& output) {
  std::future<Taken> taken;
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return SnapshotDropped{SnapshotDropped::Why::cancelled, "the node is stopping"};
    requests_.push_back({output, {}});
    taken = requests_.back().taken.get_future();
  }
  wake_.notify_all();
  return taken.get();
}

void SnapshotKeeper::say_state() {
  const auto* newest = shelf_.newest();
  std::string warning;
  if (options_.every_us != 0 && unconnected_since_us_ != 0) {
    const bool is_long = monotonic_time_us() - unconnected_since_us_ > kWarnAfter_us;
    if (newest != nullptr) {
      warning = fmt::format(
          "cannot restore what came after record {} until the next snapshot: records behind it are "
          "dropped",
          newest->footer.position.seq);
    } else if (is_long || !failure_.empty()) {
      warning = "cannot restore until the first snapshot is there";
    }
  }
  if (!failure_.empty() && options_.every_us != 0) {
    if (!warning.empty()) warning += "; ";
    warning += "the last attempt at a snapshot failed: " + failure_;
  }
  const std::lock_guard lock(mutex_);
  report_.newest = newest == nullptr ? std::nullopt : std::optional(*newest);
  report_.warning = std::move(warning);
}

SnapshotReport SnapshotKeeper::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

}  // namespace understudy
