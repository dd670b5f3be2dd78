#include "publisher/wal_tail_step.h"

namespace understudy {
namespace {

TailStep step_in_leaving(const TailLook& look) {
  // Whoever checkpoints from here on reads a header that knows our HOLD.
  if (!look.checkpoint_held) return TailStep::enter_hold;
  // It holds WRITE too, so it took WRITE before it read the header: no reset is in between.
  if (look.checkpoint_waits && look.copied_all) return TailStep::open_window;
  return TailStep::wait;
}

TailStep step_in_hold(const TailLook& look) {
  if (!look.copied_all) return TailStep::wait;
  if (look.all_backfilled) return TailStep::park;
  if (look.over_limit && !look.may_take_write_lock) return TailStep::let_go;
  if (look.over_limit || look.checkpoint_waits || look.window_due) return TailStep::open_window;
  return TailStep::wait;
}

TailStep step_in_window(const TailLook& look) {
  if (!look.copied_all) return TailStep::wait;
  if (look.all_backfilled) return TailStep::park;
  if (look.checkpoint_waits) return TailStep::wait;
  if (look.over_limit) {
    return look.may_take_write_lock ? TailStep::grab_and_close : TailStep::let_go;
  }
  if (look.checkpoint_held) return TailStep::wait;
  if (look.checkpoint_due) return TailStep::checkpoint;
  if (look.window_missed) return TailStep::back_to_hold;
  return TailStep::wait;
}

}  // namespace

TailStep next_step(const TailLook& look) {
  switch (look.state) {
    case TailState::leaving:
      return step_in_leaving(look);
    case TailState::hold:
      return step_in_hold(look);
    case TailState::window:
      return step_in_window(look);
    case TailState::park:
      return TailStep::wait;
  }
  return TailStep::wait;
}

}  // namespace understudy
