#include "subscriber/intake.h"

#include "common/core/assert.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/core/heartbeat.h"
#include "common/logging/log.h"
#include "common/orphans/move_log_aside.h"

#include <chrono>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kIdleWait{1000};
constexpr std::chrono::milliseconds kFullDiskWait{500};
constexpr std::int64_t kUpkeepEvery_us = 1'000'000;
constexpr std::size_t kLittle = 64 * 1024;  // bytes that the follow thread appends itself
constexpr std::int64_t kSlow_us = 20'000;   // an append that took so long is a slow disk's
constexpr std::int64_t kSlowFor_us = 1'000'000;

DurableBatch own(const BatchView& view, Bytes blob) {
  return {view.header, std::make_shared<const Bytes>(std::move(blob))};
}

BatchView checked_view(const Bytes& blob) {
  const auto view = BatchView::parse(blob);
  US_ASSERT(view.has_value(), "the Follower hands over only batches that it has checked");
  return *view;
}

}  // namespace

Intake::Intake(Options options, OnDone on_done)
    : options_(std::move(options)), on_done_(std::move(on_done)) {
  if (!sqlite_backend_exists(options_.backend_path)) return;
  backend_ = open_sqlite_backend(options_.backend_path);
  backend_->drop_open_tail();
  set_bounds();
}

std::optional<wal::Cursor> Intake::last_writer() const {
  return backend_ == nullptr ? std::nullopt : wal::Cursor::decode(backend_->cursor());
}

void Intake::forget_last_writer() {
  if (backend_ != nullptr && !backend_->cursor().empty()) backend_->set_cursor({});
}

void Intake::run() {
  if (backend_) upkeep_ = std::make_unique<UpkeepThread>(*backend_);
  const heartbeat::Loop loop("log");
  while (auto work = take()) {
    heartbeat::turn();
    while (!work->empty() && !is_stopping()) carry_out(*work);
    if (backend_) do_upkeep();
    end_turn();
  }
}

void Intake::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  filled_.notify_all();
  turn_free_.notify_all();
}

bool Intake::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Intake::push(Work work) {
  {
    const std::lock_guard lock(mutex_);
    queued_.push_back(std::move(work));
  }
  filled_.notify_one();
}

// With the turn; nullopt, without it, after stop().
std::optional<std::deque<Intake::Work>> Intake::take() {
  std::unique_lock lock(mutex_);
  filled_.wait_for(lock, kIdleWait, [this] { return stopping_ || !queued_.empty(); });
  turn_free_.wait(lock, [this] { return stopping_ || !turn_taken_; });
  if (stopping_) return std::nullopt;
  turn_taken_ = true;
  return std::exchange(queued_, {});
}

// What is queued comes first.
bool Intake::take_turn_when_idle() {
  const std::lock_guard lock(mutex_);
  if (stopping_ || turn_taken_ || !queued_.empty()) return false;
  turn_taken_ = true;
  return true;
}

void Intake::end_turn() {
  {
    const std::lock_guard lock(mutex_);
    turn_taken_ = false;
  }
  turn_free_.notify_one();
}

void Intake::carry_out(std::deque<Work>& work) {
  if (std::holds_alternative<follow::Append>(work.front())) {
    append_run(work);
    return;
  }
  if (const auto* drop = std::get_if<follow::DropOpenTail>(&work.front())) {
    drop_open_tail(*drop);
  } else if (const auto* back = std::get_if<follow::RewindLog>(&work.front())) {
    rewind(*back);
  } else {
    reset(std::get<follow::ResetLog>(work.front()));
  }
  work.pop_front();
}

std::optional<std::pair<std::uint64_t, LogBounds>> Intake::append_now(
    std::vector<follow::Append>& run) {
  std::size_t bytes = 0;
  for (const auto& append : run) bytes += append.blob.size();
  const auto begin_us = monotonic_time_us();
  if (bytes > kLittle || begin_us < slow_until_us_ || !take_turn_when_idle()) return std::nullopt;
  US_ASSERT(backend_ != nullptr, "the Follower resets a log that does not exist before appending");
  std::vector<BatchView> views;
  for (const auto& append : run) views.push_back(checked_view(append.blob));
  try {
    backend_->append(views, {});
  } catch (const SqliteError& error) {
    if (!error.is_disk_full()) throw;
    end_turn();
    return std::nullopt;  // the log thread waits it out
  }
  const auto end_us = monotonic_time_us();
  options_.meters->append.observe(end_us - begin_us);
  if (end_us - begin_us > kSlow_us) slow_until_us_ = end_us + kSlowFor_us;
  for (std::size_t i = 0; i < run.size(); ++i)
    appended_.push_back(own(views[i], std::move(run[i].blob)));
  appended_ticket_ = run.back().ticket;
  set_bounds();
  return std::pair(appended_ticket_, backend_->bounds());
}

void Intake::report_appended() {
  const auto batches = std::exchange(appended_, {});
  on_done_({.ticket = appended_ticket_,
            .bounds = backend_->bounds(),
            .batches = batches,
            .follower_knows = true});
  end_turn();
}

// All appends that wait are one fsync.
void Intake::append_run(std::deque<Work>& work) {
  US_ASSERT(backend_ != nullptr, "the Follower resets a log that does not exist before appending");
  std::vector<DurableBatch> batches;
  std::vector<BatchView> views;
  std::uint64_t ticket = 0;
  while (!work.empty() && std::holds_alternative<follow::Append>(work.front())) {
    auto& append = std::get<follow::Append>(work.front());
    ticket = append.ticket;
    views.push_back(checked_view(append.blob));  // of bytes that stay where they are
    batches.push_back(own(views.back(), std::move(append.blob)));
    work.pop_front();
  }
  if (!append_durably(views)) return;
  set_bounds();
  on_done_({.ticket = ticket, .bounds = *bounds(), .batches = batches});
}

bool Intake::append_durably(std::span<const BatchView> views) {
  return write_durably([&] {
    const auto begun_us = monotonic_time_us();
    backend_->append(views, {});
    options_.meters->append.observe(monotonic_time_us() - begun_us);
  });
}

// A full disk passes: nothing was written, and the same is tried again, until stop() (false).
// Anything else is final, above all a failed fsync.
bool Intake::write_durably(const std::function<void()>& write) {
  while (true) {
    heartbeat::turn();
    try {
      write();
      if (disk_full_.exchange(false)) {
        log::info("backend_space_again", "the backend has space again");
      }
      return true;
    } catch (const SqliteError& error) {
      if (!error.is_disk_full()) throw;
      if (!disk_full_.exchange(true)) log::error("backend_disk_full", error.what());
    }
    if (is_stopping()) return false;
    wait_for_space();
  }
}

// Trimming makes space inside the file; it may itself need some for the WAL.
void Intake::wait_for_space() {
  try {
    if (trim() > 0) return;
  } catch (const SqliteError& error) {
    if (!error.is_disk_full()) throw;
  }
  std::unique_lock lock(mutex_);
  filled_.wait_for(lock, kFullDiskWait, [this] { return stopping_; });
}

void Intake::drop_open_tail(const follow::DropOpenTail& drop) {
  backend_->drop_open_tail();
  set_bounds();
  on_done_({.ticket = drop.ticket, .bounds = *bounds(), .batches = {}, .rewound = true});
}

// Invariant 9: what the primary does not know is kept before it is taken back. After a crash in
// between, the Follower finds the log as it was, and all this is done again.
void Intake::rewind(const follow::RewindLog& rewind) {
  const heartbeat::LongWork work;  // as much as was put into the log alone
  const bool covered = rewind.keep_until >= backend_->bounds().base.seq;
  if (covered) {
    if (!keep_orphans_of(rewind)) return;  // stopping
    if (!write_durably([&] { backend_->rewind(rewind.keep_until); })) return;
    set_bounds();
  }
  on_done_({.ticket = rewind.ticket,
            .bounds = *bounds(),
            .batches = {},
            .rewound = true,
            .rewound_to = backend_->bounds().last.seq});
}

bool Intake::keep_orphans_of(const follow::RewindLog& rewind) {
  return write_durably([&] {
    const auto reader = backend_->open_reader();
    const auto kept = keep_orphans(*reader, rewind.keep_until, options_.orphans_folder,
                                   {options_.node, rewind.reason}, options_.read_page);
    if (!kept) return;
    log::warning("orphans_kept", "records that the primary does not have are kept",
                 {{"name", kept->name},
                  {"records", std::to_string(kept->records)},
                  {"after", std::to_string(rewind.keep_until)}});
  });
}

void Intake::reset(const follow::ResetLog& reset) {
  if (backend_ != nullptr && reset.keep_orphans && !put_aside()) return;
  const bool replaced = backend_ == nullptr;
  if (replaced) {
    backend_ = open_sqlite_backend(options_.backend_path, reset.stream, reset.base, reset.history);
    upkeep_ = std::make_unique<UpkeepThread>(*backend_);
  } else {
    backend_->reset(reset.base, reset.history);
  }
  set_bounds();
  on_done_({.ticket = reset.ticket,
            .bounds = *bounds(),
            .batches = {},
            .rewound = true,
            .replaced = replaced});
}

// Invariant 9: records that the primary does not know are kept as a file, never dropped in silence.
// False: stopping.
bool Intake::put_aside() {
  const auto last = backend_->bounds().last;
  upkeep_.reset();
  backend_.reset();
  const auto kept = move_log_aside(options_.backend_path, last, options_.orphans_folder,
                                   [this] { return is_stopping(); });
  if (!kept) return false;
  log::warning("orphans_kept", "this log is not the primary's; its records are kept",
               {{"file", *kept}, {"last", last.to_string()}});
  return true;
}

std::optional<LogBounds> Intake::bounds() const {
  const std::lock_guard lock(mutex_);
  return bounds_;
}

StreamId Intake::stream() const {
  const std::lock_guard lock(mutex_);
  return stream_;
}

History Intake::history() const {
  const std::lock_guard lock(mutex_);
  return history_;
}

std::unique_ptr<LogReader> Intake::open_reader() const {
  return open_sqlite_log_reader(options_.backend_path);
}

void Intake::set_bounds() {
  const std::lock_guard lock(mutex_);
  bounds_ = backend_->bounds();
  stream_ = backend_->stream();
  if (history_.size() != backend_->history().size() || history_ != backend_->history()) {
    history_ = backend_->history();
  }
}

std::uint64_t Intake::trim() {
  return trim_above_floor(*backend_, options_.retention, options_.keep_after(), options_.floors());
}

void Intake::do_upkeep() {
  const auto now = monotonic_time_us();
  if (now - last_upkeep_us_ < kUpkeepEvery_us) return;
  last_upkeep_us_ = now;
  if (trim() == 0) return;
  set_bounds();
  on_done_({.ticket = 0, .bounds = *bounds(), .batches = {}});
}

}  // namespace understudy
