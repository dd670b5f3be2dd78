// What the tailer does next, decided from one look at the WAL. Pure: no lock, file or clock.
//
// Question answered: which of the moves of docs/decisions/0004-tailing.md is due? The tests walk
// the whole input space.
#pragma once

namespace understudy {

enum class TailState {
  hold,     // READ(k), mark = what was backfilled: nothing moves into the database, no reset
  leaving,  // like hold, with READ(0) kept until no older checkpoint can be running
  window,   // READ(k), no mark: all may be backfilled, still no reset
  park,     // READ(0) alone: nothing can be backfilled, hence one reset at most
};

// All that the decision depends on.
struct TailLook {
  TailState state = TailState::hold;
  bool copied_all = false;        // the cursor is at the header's last frame
  bool all_backfilled = false;    // nBackfill is the last frame
  bool checkpoint_held = false;   // another process holds CKPT
  bool checkpoint_waits = false;  // … and for some time, with WRITE, while nothing moves
  bool window_due = false;        // the WAL is long enough, or has been at rest for long
  bool window_missed = false;     // checkpoints ran in this window, and none closed it
  bool checkpoint_due = false;    // the application does not checkpoint, or pauses
  bool over_limit = false;        // the WAL is longer than the hard limit
  bool may_take_write_lock = false;
};

enum class TailStep {
  wait,
  enter_hold,      // leaving → hold: let go of READ(0)
  open_window,     // hold, leaving → window
  back_to_hold,    // window → hold
  park,            // hold, window → park
  checkpoint,      // in a window: a PASSIVE checkpoint of our own
  grab_and_close,  // in a window: checkpoint the rest under the write lock, then park
  let_go,          // the WAL has grown too far, and the write lock is not ours to take
};

[[nodiscard]] TailStep next_step(const TailLook& look);

}  // namespace understudy
