#include "publisher/wal_tail.h"

#include "common/core/assert.h"
#include "common/core/errors.h"
#include "publisher/wal_tail_frames.h"
#include "publisher/wal_tail_locks.h"
#include "publisher/wal_tail_watch.h"

#include <limits>
#include <thread>

namespace understudy {
namespace {

constexpr int kBusy = 5;  // SQLITE_BUSY
constexpr auto kAttachTimeout = std::chrono::seconds(5);
constexpr auto kGrabFor =
    std::chrono::milliseconds(20);  // the gap between two transactions is short
constexpr auto kInvalidFor = std::chrono::milliseconds(5);  // a writer publishes in microseconds

const char* name_of(TailState state) {
  switch (state) {
    case TailState::hold:
    case TailState::leaving:
      return "hold";
    case TailState::window:
      return "window";
    case TailState::park:
      return "park";
  }
  return "";
}

}  // namespace

WalTail::WalTail(wal::RawDatabase& database, TailOptions options)
    : database_(database),
      index_(database.index()),
      options_(options),
      copier_(std::make_unique<FrameCopier>(database)),
      locks_(std::make_unique<TailLocks>(database.index())) {}

WalTail::~WalTail() {
  detach();
}

bool WalTail::attach(const std::optional<wal::Cursor>& resume) {
  detach();
  take_first_hold();
  database_.prepare_checkpoints();
  watch_ = std::make_unique<TailWatch>(database_, options_, header_.last_frame, Clock::now());
  attached_ = true;
  lost_ = false;
  const auto prefix = resume ? copier_->find_prefix(*resume, header_) : std::nullopt;
  if (prefix) {
    start_behind(*resume, *prefix);
  } else {
    start_behind(header_.cursor(), header_.page_count);
  }
  return prefix.has_value();
}

// HOLD, taken while resets are still possible: the header is read again under the lock.
void WalTail::take_first_hold() {
  const auto deadline = Clock::now() + kAttachTimeout;
  for (;; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
    const auto before = index_.read_header();
    if (before) {
      const auto mark = std::min(index_.backfilled(), before->last_frame);
      if (locks_->hold_slot(mark)) {
        const auto header = index_.read_header();
        if (header && header->salts == before->salts && header->last_frame >= mark) {
          header_ = *header;
          enter(TailState::hold);
          return;
        }
        locks_->drop_slot();
      }
    } else {
      database_.recover();
    }
    if (Clock::now() > deadline) {
      throw SqliteError("take a read lock on the WAL of", database_.path(), kBusy,
                        "readers of the application hold all of them");
    }
  }
}

void WalTail::start_behind(const wal::Cursor& cursor, std::uint32_t page_count) {
  cursor_ = cursor;
  at_commit_ = true;
  is_unsummed_ = false;
  former_salts_ = {};
  page_count_ = page_count;
  if (page_count_ == 0) {
    page_count_ = static_cast<std::uint32_t>(database_.database_bytes() / database_.page_size());
  }
}

void WalTail::detach() {
  locks_->drop_all();
  database_.ignore_wal(false);
  invalid_since_.reset();
  attached_ = false;
}

void WalTail::enter(TailState state) {
  state_ = state;
  hold_is_proved_ = false;
  // As SQLite's own readers under READ(0): a reset may overwrite the WAL at any moment.
  database_.ignore_wal(state == TailState::park);
}

TailResult WalTail::poll(TailSink& sink) {
  if (!attached_ || lost_) return TailResult::lost;
  const auto now = Clock::now();
  if (!index_.still_at(header_)) follow_header(now);
  if (!lost_ && state_ == TailState::park) leave_park_when_due();
  const auto before = cursor_;
  if (!lost_ && !copied_all()) copy_frames(sink, options_.max_frames_per_poll);
  if (!lost_) take_steps(now, sink);
  if (lost_) return TailResult::lost;

  const bool waits_for_others = state_ == TailState::window || state_ == TailState::leaving;
  if (!copied_all() || (waits_for_others && watch_->is_lively(now))) return TailResult::urgent;
  return cursor_ == before ? TailResult::idle : TailResult::progressed;
}

void WalTail::lose(const char* because) {
  lost_ = true;
  counts_.lost_because = because;
}

void WalTail::follow_header(Clock::time_point now) {
  const auto header = index_.read_header();
  if (!header) return await_valid_header(now);
  invalid_since_.reset();
  if (*header == header_) return;
  watch_->header_moved(now);
  if (header->last_frame != 0 && header->page_size != database_.page_size()) {
    lose("the page size changed");
  } else if (header->salts != header_.salts) {
    accept_generation(*header);
  } else if (header->last_frame < header_.last_frame) {
    lose("the WAL went back");
  } else {
    header_ = *header;
  }
}

// A writer is publishing, or died while it was: then SQLite must recover the header.
void WalTail::await_valid_header(Clock::time_point now) {
  if (!invalid_since_) invalid_since_ = now;
  if (now - *invalid_since_ < kInvalidFor) return;
  invalid_since_.reset();
  try {
    database_.recover();
  } catch (const SqliteError& error) {
    if (!error.is_busy()) throw;  // busy: whoever is publishing is stopped; try again later
  }
}

// Our locks allow a new generation only in PARK, or when the WAL was empty; and in PARK all of the
// old one has been copied.
void WalTail::accept_generation(const wal::IndexHeader& header) {
  const bool was_possible = state_ == TailState::park || header_.last_frame == 0;
  if (!was_possible || !copied_all()) return lose("the WAL was reset under our locks");
  // A writer died while it published its reset, before a frame of it was in the file.
  if (header.salts == former_salts_) return lose("recovery undid a reset");
  if (header_.last_frame != 0) {
    ++counts_.resets;
    former_salts_ = header_.salts;
  }
  header_ = header;
  cursor_ = {header.salts, 0, {}};
  parked_at_ = 0;
  watch_->generation_began();
}

// HOLD comes before READ(0) goes, and READ(0) only when no older checkpoint can be running: see
// the step `enter_hold`. When the application's readers have all slots we stay: under READ(0)
// nothing is backfilled, so nothing more can be reset.
void WalTail::leave_park_when_due() {
  const bool has_moved = header_.last_frame > parked_at_;
  // A reset publishes its header before it clears nBackfill; recovery keeps the header.
  const bool was_recovered = index_.backfilled() < header_.last_frame && index_.still_at(header_);
  if (header_.last_frame == 0 || !(has_moved || was_recovered)) return;
  database_.ignore_wal(false);
  if (locks_->hold_slot(parked_at_)) enter(TailState::leaving);
}

void WalTail::copy_frames(TailSink& sink, std::size_t budget) {
  if (cursor_.frame == 0) {
    const auto start = copier_->begin_generation(header_);
    if (!start) return lose("the WAL does not begin as the wal-index says");
    cursor_ = *start;
    is_unsummed_ = false;
  }
  FrameCopier::Position position{cursor_,      page_count_,
                                 at_commit_,   counts_.unsummed_frames,
                                 is_unsummed_, former_reads_are_exact_from()};
  if (!copier_->copy(position, header_, budget, sink)) lose("the checksum chain is broken");
  cursor_ = position.cursor;
  page_count_ = position.page_count;
  at_commit_ = position.at_commit;
  is_unsummed_ = position.is_unsummed;
  counts_.unsummed_frames = position.unsummed_frames;
}

// Frames before this one: the database file may hold later content than they replace.
// Nothing is backfilled beyond what has been attempted when we take this look, for as long as this
// state lasts: the mark and READ(0) forbid it.
wal::FrameNo WalTail::former_reads_are_exact_from() const {
  constexpr auto kNever = std::numeric_limits<wal::FrameNo>::max();
  const bool is_held =
      state_ == TailState::leaving || (state_ == TailState::hold && hold_is_proved_);
  return is_held ? index_.backfill_attempted() + 1 : kNever;
}

TailLook WalTail::look(Clock::time_point now) {
  TailLook look;
  const auto backfilled = index_.backfilled();
  look.state = state_;
  look.copied_all = copied_all();
  look.all_backfilled = backfilled == header_.last_frame;
  if (state_ != TailState::park) watch_->complete(look, header_.last_frame, backfilled, now);
  if (state_ == TailState::hold && !look.checkpoint_held) hold_is_proved_ = true;
  return look;
}

void WalTail::take_steps(Clock::time_point now, TailSink& sink) {
  constexpr int kMostSteps = 4;  // leaving → hold → window → park
  for (int i = 0; i < kMostSteps && !lost_; ++i) {
    const auto step = next_step(look(now));
    if (step == TailStep::wait || !carry_out(step, now, sink)) return;
  }
}

// False: not possible now; try again at the next poll.
bool WalTail::carry_out(TailStep step, Clock::time_point now, TailSink& sink) {
  switch (step) {
    case TailStep::wait:
      return false;
    case TailStep::enter_hold:
      enter(TailState::hold);
      locks_->drop_read0();
      return true;
    case TailStep::open_window:
      return open_window(now);
    case TailStep::back_to_hold:
      return go_back_to_hold();
    case TailStep::park:
      return park();
    case TailStep::checkpoint:
      return run_checkpoint(now);
    case TailStep::grab_and_close:
      return grab_and_close(now, sink);
    case TailStep::let_go:
      lose("the WAL grows without end, and we may not take the write lock to close it");
      return false;
  }
  return false;
}

bool WalTail::open_window(Clock::time_point now) {
  if (!locks_->hold_slot(wal::kMarkNotUsed)) return false;
  locks_->drop_read0();
  enter(TailState::window);
  watch_->window_opened(now);
  ++counts_.windows;
  return true;
}

bool WalTail::go_back_to_hold() {
  if (!locks_->hold_slot(index_.backfilled())) return false;
  enter(TailState::hold);
  watch_->window_given_up(header_.last_frame);
  ++counts_.windows_missed;
  return true;
}

bool WalTail::park() {
  if (!locks_->hold_read0()) return false;
  const auto header = index_.read_header();
  if (header != header_ || index_.backfilled() != header_.last_frame || !copied_all()) {
    locks_->drop_read0();
    return false;
  }
  parked_at_ = header_.last_frame;
  enter(TailState::park);
  locks_->drop_slot();
  return true;
}

// PASSIVE, on a connection of its own. The slot that we hold in a window makes a reset impossible
// from before it reads the header until after it has published nBackfill (the WAL-reset bug).
bool WalTail::run_checkpoint(Clock::time_point now) {
  US_ASSERT(state_ == TailState::window && locks_->has_slot(),
            "a checkpoint of ours beside a reset could lose committed frames");
  ++counts_.checkpoints;
  database_.checkpoint_passive();
  const auto backfilled = index_.backfilled();
  const bool closed = backfilled == header_.last_frame && index_.still_at(header_);
  watch_->own_checkpoint_ended(closed, backfilled, now, Clock::now());
  return closed;
}

namespace {

struct WriteLock {
  explicit WriteLock(wal::SharedIndex& index) : index_(index) {}
  ~WriteLock() { index_.unlock_exclusive(wal::Lock::write); }
  wal::SharedIndex& index_;
};

}  // namespace

bool WalTail::grab_and_close(Clock::time_point now, TailSink& sink) {
  constexpr wal::FrameNo kBulk = 1000;  // more than that is checkpointed while writers go on
  if (now < no_grab_before_) return false;
  if (header_.last_frame - index_.backfilled() > kBulk) {
    if (run_checkpoint(now)) return true;
    if (index_.backfilled() < header_.last_frame) return put_off_grab(now);
  }
  const auto deadline = Clock::now() + kGrabFor;
  while (!index_.try_lock_exclusive(wal::Lock::write)) {
    if (Clock::now() > deadline) return false;
  }
  const WriteLock lock(index_);
  ++counts_.lock_grabs;
  // Nothing can be committed now. What was, since we looked, comes first.
  follow_header(now);
  if (!lost_ && !copied_all()) copy_frames(sink, SIZE_MAX);
  if (lost_) return false;
  return run_checkpoint(now) ? park() : put_off_grab(now);
}

// A reader keeps the rest from being checkpointed, so the write lock does not help: it would turn
// writers away for nothing, poll after poll, for as long as the reader stays.
bool WalTail::put_off_grab(Clock::time_point now) {
  constexpr auto kGrabAgainAfter = std::chrono::seconds(1);
  no_grab_before_ = now + kGrabAgainAfter;
  return false;
}

const wal::Cursor& WalTail::cursor() const {
  return cursor_;
}

std::uint32_t WalTail::page_count() const {
  return page_count_;
}

bool WalTail::reads_are_exact() const {
  if (!attached_ || lost_ || !at_commit_) return false;
  if (state_ == TailState::park && cursor_.frame == parked_at_) return true;
  if (state_ == TailState::window || (state_ == TailState::hold && !hold_is_proved_)) return false;
  return index_.backfill_attempted() <= cursor_.frame;
}

bool WalTail::at_rest() const {
  return attached_ && !lost_ && state_ == TailState::park && copied_all() &&
         header_.last_frame == parked_at_ && index_.backfilled() == header_.last_frame;
}

TailStatus WalTail::status() const {
  TailStatus status = counts_;
  status.state = attached_ ? name_of(state_) : "detached";
  status.wal_frames = header_.last_frame;
  return status;
}

}  // namespace understudy
