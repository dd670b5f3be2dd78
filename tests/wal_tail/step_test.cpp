// The decision table over its whole input space: what must never be decided, and that what is due
// is decided.
#include "publisher/wal_tail_step.h"

#include <doctest/doctest.h>

namespace understudy::test {
namespace {

template <typename Visit>
void for_every_look(Visit visit) {
  for (int state = 0; state < 4; ++state) {
    for (unsigned bits = 0; bits < 512; ++bits) {
      TailLook look;
      look.state = static_cast<TailState>(state);
      look.copied_all = (bits & 1) != 0;
      look.all_backfilled = (bits & 2) != 0;
      look.checkpoint_held = (bits & 4) != 0;
      look.checkpoint_waits = look.checkpoint_held && (bits & 8) != 0;
      look.window_due = (bits & 16) != 0;
      look.window_missed = (bits & 32) != 0;
      look.checkpoint_due = (bits & 64) != 0;
      look.over_limit = (bits & 128) != 0;
      look.may_take_write_lock = (bits & 256) != 0;
      visit(look, next_step(look));
    }
  }
}

}  // namespace

TEST_CASE("no look at the WAL leads to an unsafe step") {
  long looks = 0;
  for_every_look([&](const TailLook& look, TailStep step) {
    ++looks;
    switch (step) {
      case TailStep::wait:
        break;
      case TailStep::enter_hold:  // READ(0) goes: nobody older may be checkpointing
        CHECK(look.state == TailState::leaving);
        CHECK(!look.checkpoint_held);
        break;
      case TailStep::open_window:
        CHECK(look.copied_all);
        CHECK((look.state == TailState::hold ||
               (look.state == TailState::leaving && look.checkpoint_waits)));
        break;
      case TailStep::back_to_hold:
        CHECK(look.state == TailState::window);
        CHECK(!look.checkpoint_waits);
        break;
      case TailStep::park:  // resets become possible: all must be copied and in the database
        CHECK((look.state == TailState::hold || look.state == TailState::window));
        CHECK(look.copied_all);
        CHECK(look.all_backfilled);
        break;
      case TailStep::checkpoint:
        CHECK(look.state == TailState::window);
        CHECK(!look.checkpoint_held);
        break;
      case TailStep::grab_and_close:
        CHECK(look.state == TailState::window);
        CHECK(look.may_take_write_lock);
        CHECK(look.over_limit);
        break;
      case TailStep::let_go:
        CHECK(!look.may_take_write_lock);
        CHECK(look.over_limit);
        break;
    }
  });
  CHECK(looks == 2048);
}

TEST_CASE("a checkpoint that waits for us is let through from every state") {
  for_every_look([](const TailLook& look, TailStep step) {
    if (!look.checkpoint_waits || !look.copied_all) return;
    if (look.state == TailState::leaving) CHECK(step == TailStep::open_window);
    if (look.state == TailState::hold && !look.over_limit) {
      CHECK(step == (look.all_backfilled ? TailStep::park : TailStep::open_window));
    }
    if (look.state == TailState::window) {
      CHECK(step == (look.all_backfilled ? TailStep::park : TailStep::wait));
    }
  });
}

TEST_CASE("a WAL over its limit is never just waited for, unless a checkpoint is at it") {
  for_every_look([](const TailLook& look, TailStep step) {
    const bool is_ours = look.state == TailState::hold || look.state == TailState::window;
    if (look.over_limit && look.copied_all && is_ours && !look.checkpoint_waits) {
      CHECK(step != TailStep::wait);
    }
  });
}

}  // namespace understudy::test
