// A loop that turns is never called silent, one that does not is, by name; long work is excused for
// as long as it lasts.
#include "common/core/heartbeat.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

using namespace understudy;
using std::chrono::milliseconds;

bool is_silent(const std::string& loop, milliseconds limit) {
  const auto silences = heartbeat::silent_for(limit);
  return std::any_of(silences.begin(), silences.end(),
                     [&](const heartbeat::Silence& silence) { return silence.loop == loop; });
}

// Until `limit` is over for everybody who does not turn; a wait for the clock, not for a result.
void let_pass(milliseconds limit) {
  std::this_thread::sleep_for(limit + milliseconds(5));
}

}  // namespace

TEST_CASE("no loop, no silence") {
  heartbeat::turn();  // of a thread without one: nothing
  const heartbeat::LongWork work;
  CHECK(heartbeat::silent_for(milliseconds(0)).empty());
}

TEST_CASE("a loop is silent from its last turn on, and gone with its end") {
  {
    const heartbeat::Loop loop("apply");
    CHECK_FALSE(is_silent("apply", milliseconds(60'000)));
    let_pass(milliseconds(20));
    CHECK(is_silent("apply", milliseconds(20)));
    CHECK_FALSE(is_silent("apply", milliseconds(60'000)));
    heartbeat::turn();
    CHECK_FALSE(is_silent("apply", milliseconds(10'000)));
  }
  let_pass(milliseconds(20));
  CHECK(heartbeat::silent_for(milliseconds(0)).empty());
}

TEST_CASE("a loop with a deadline is missed by its own patience, and by nobody's longer") {
  const heartbeat::Loop loop("lease", milliseconds(10));
  CHECK(heartbeat::out_of_patience(milliseconds(60'000)).empty());
  let_pass(milliseconds(10));
  CHECK(heartbeat::out_of_patience(milliseconds(60'000)).size() == 1);
  CHECK_FALSE(is_silent("lease", milliseconds(60'000)));
  heartbeat::turn();
  {
    const heartbeat::Loop patient("log");
    let_pass(milliseconds(20));
    CHECK(heartbeat::out_of_patience(milliseconds(60'000)).empty());
    CHECK(heartbeat::out_of_patience(milliseconds(15)).size() == 1);
  }
}

TEST_CASE("long work excuses its loop, and its end is a turn") {
  const heartbeat::Loop loop("log");
  {
    const heartbeat::LongWork outer;
    const heartbeat::LongWork inner;
    let_pass(milliseconds(20));
    CHECK_FALSE(is_silent("log", milliseconds(20)));
  }
  CHECK_FALSE(is_silent("log", milliseconds(10'000)));
  let_pass(milliseconds(20));
  CHECK(is_silent("log", milliseconds(20)));
}

TEST_CASE("a loop within a loop counts alone") {
  const heartbeat::Loop outer("roles");
  {
    const heartbeat::Loop inner("capture");
    let_pass(milliseconds(20));
    CHECK(is_silent("capture", milliseconds(20)));
    CHECK_FALSE(is_silent("roles", milliseconds(20)));
  }
  CHECK_FALSE(is_silent("roles", milliseconds(10'000)));
  let_pass(milliseconds(20));
  CHECK(is_silent("roles", milliseconds(20)));
}

TEST_CASE("each thread turns for itself") {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_there = false;
  bool may_end = false;
  std::thread other([&] {
    const heartbeat::Loop loop("serve");
    std::unique_lock lock(mutex);
    is_there = true;
    changed.notify_all();
    changed.wait(lock, [&] { return may_end; });
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_there; });
  }
  const heartbeat::Loop own("follow");
  let_pass(milliseconds(20));
  heartbeat::turn();
  CHECK(is_silent("serve", milliseconds(20)));
  CHECK_FALSE(is_silent("follow", milliseconds(10'000)));
  const auto text = heartbeat::to_string(heartbeat::silent_for(milliseconds(20)));
  CHECK(text.find("serve (thread ") == 0);
  {
    const std::lock_guard lock(mutex);
    may_end = true;
    changed.notify_all();
  }
  other.join();
}
