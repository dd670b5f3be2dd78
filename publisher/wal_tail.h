// WalTail: follows the WAL of a live database that applications are writing, without a gap and
// without disturbing them.
//
// Question answered: how can every committed frame be copied before a checkpoint lets the WAL be
// overwritten, when a long read transaction (the naive way) would ruin the writer's speed?
// By three states of raw locks, HOLD, WINDOW and PARK: docs/decisions/0004-tailing.md.
//
// Invariants
//  - Only frames ≤ last_frame of a valid wal-index header are handed out, each once, in order,
//    each with the checksum chain verified; the last equals the header's. (But for the frames that
//    SQLite itself commits without a checksum, see wal_tail_frames.h; these are counted.)
//  - While attached, at most one reset can happen between two polls, and none before all frames of
//    the old generation were handed out.
//  - Our own checkpoints run only while a READ lock of ours makes resets impossible (WAL-reset
//  bug).
//  - An explicit checkpoint of the application (any mode) is let through within milliseconds.
//
// Owned by the capture thread, with the RawDatabase.
#pragma once

#include "common/wal/raw_database.h"
#include "publisher/wal_tail_step.h"

#include <chrono>
#include <memory>

namespace understudy {

class FrameCopier;
class TailLocks;
class TailWatch;

struct TailFrame {
  wal::FrameNo number = 0;
  PageNo page = 0;
  std::uint32_t page_count_after =
      0;                         // not 0: this frame commits, and the database has so many pages
  ByteView content;              // valid during the call
  wal::Cursor cursor;            // of the WAL up to this frame
  bool former_is_exact = false;  // no WINDOW: the database file is not ahead
};

class TailSink {
 public:
  virtual ~TailSink() = default;
  // Former content of a page may be read from the RawDatabase as of frame number − 1 during the
  // call; unless former_is_exact the database file may be ahead already, so compare its hash.
  virtual void on_frame(const TailFrame& frame) = 0;
};

struct TailOptions {
  wal::FrameNo window_frames = 4000;                // open a WINDOW when the WAL has so many frames
  std::uint64_t wal_hard_limit_bytes = 1ull << 30;  // beyond: take the write lock for an instant
  bool may_take_write_lock = true;                  //   … if this allows it, to close the window
  std::size_t max_frames_per_poll = 2048;
};

enum class TailResult {
  idle,        // nothing new; sleep
  progressed,  // frames were handed out; poll again soon
  urgent,      // a window is open or a checkpoint waits: poll again at once
  lost,        // the chain broke (or an error in the index): detach, attach anew, repair
};

struct TailStatus {
  const char* state = "detached";  // hold, window, park
  const char* lost_because = "";   // after TailResult::lost
  std::uint64_t wal_frames = 0;
  std::uint64_t resets = 0, windows = 0, windows_missed = 0, checkpoints = 0, lock_grabs = 0;
  std::uint64_t unsummed_frames = 0;  // that SQLite committed without a checksum
};

class WalTail {
 public:
  WalTail(wal::RawDatabase& database, TailOptions options);
  ~WalTail();  // detaches

  // Takes HOLD. True: the WAL still holds the prefix that `resume` names, and polling goes on
  // behind it. False (or no resume): a gap; polling goes on behind the header's last frame.
  // Throws SqliteError when locks cannot be had within some seconds.
  [[nodiscard]] bool attach(const std::optional<wal::Cursor>& resume);
  void detach();  // lets go of all locks

  // One step; hands out at most options.max_frames_per_poll frames, always up to a commit frame
  // unless a transaction is longer than that.
  TailResult poll(TailSink& sink);

  // The prefix handed out so far, and the database size after it.
  [[nodiscard]] const wal::Cursor& cursor() const;
  [[nodiscard]] std::uint32_t page_count() const;
  // True: RawDatabase::read_page(page, cursor().frame) is exact now and until the next poll.
  // (HOLD or PARK; at a commit boundary.)
  [[nodiscard]] bool reads_are_exact() const;
  // All that was committed when poll() last looked was handed out.
  [[nodiscard]] bool copied_all() const { return cursor_.frame == header_.last_frame; }
  // True: all is copied and in the database, and no checkpoint can be waiting for us: the caller
  // may wait for the next write to the WAL (inotify) instead of polling.
  [[nodiscard]] bool at_rest() const;
  [[nodiscard]] TailStatus status() const;

 private:
  using Clock = std::chrono::steady_clock;

  void take_first_hold();
  void start_behind(const wal::Cursor& cursor, std::uint32_t page_count);
  [[nodiscard]] wal::FrameNo former_reads_are_exact_from() const;

  void follow_header(Clock::time_point now);
  void await_valid_header(Clock::time_point now);
  void accept_generation(const wal::IndexHeader& header);
  void lose(const char* because);
  void leave_park_when_due();
  void copy_frames(TailSink& sink, std::size_t budget);
  [[nodiscard]] TailLook look(Clock::time_point now);
  void take_steps(Clock::time_point now, TailSink& sink);
  [[nodiscard]] bool carry_out(TailStep step, Clock::time_point now, TailSink& sink);
  [[nodiscard]] bool open_window(Clock::time_point now);
  [[nodiscard]] bool go_back_to_hold();
  [[nodiscard]] bool park();
  [[nodiscard]] bool run_checkpoint(Clock::time_point now);
  [[nodiscard]] bool grab_and_close(Clock::time_point now, TailSink& sink);
  bool put_off_grab(Clock::time_point now);
  void enter(TailState state);

  wal::RawDatabase& database_;
  wal::SharedIndex& index_;
  TailOptions options_;
  std::unique_ptr<FrameCopier> copier_;
  std::unique_ptr<TailLocks> locks_;
  std::unique_ptr<TailWatch> watch_;

  bool attached_ = false;
  bool lost_ = false;
  TailState state_ = TailState::hold;
  wal::IndexHeader header_;  // what is committed, as last seen
  wal::Cursor cursor_;       // what was handed out
  std::uint32_t page_count_ = 0;
  bool at_commit_ = true;        // cursor_ is at the end of a transaction
  bool is_unsummed_ = false;     // the frame at cursor_ was committed without a checksum
  bool hold_is_proved_ = false;  // CKPT was seen free under this HOLD: none older is running
  wal::FrameNo parked_at_ = 0;   // all up to here is in the database (PARK)
  wal::Salts former_salts_;      // of the generation before this one
  std::optional<Clock::time_point> invalid_since_;
  Clock::time_point no_grab_before_;
  TailStatus counts_;
};

}  // namespace understudy
