// The apply thread as a whole: a replica, its log, and those who ask it for pages.
#include "subscriber/applier.h"

#include "standby.h"

#include <doctest/doctest.h>

#include <future>
#include <thread>

using namespace understudy;
using namespace understudy::test;

namespace {

struct Silent : Progress {
  void begin(std::string, std::uint64_t, ProgressUnit) override {}
  void advance(std::uint64_t) override {}
  void end() override {}
};

// What the apply thread told the Follower, carried out here.
class Told {
 public:
  void put(std::function<void(Follower&)> event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  void carry_out(Follower& follower) {
    const std::lock_guard lock(mutex_);
    for (auto& event : events_) event(follower);
    events_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::function<void(Follower&)>> events_;
};

std::optional<PageAnswer> ask(Applier& applier, const PageRequest& request) {
  std::promise<std::optional<PageAnswer>> promise;
  auto answer = promise.get_future();
  applier.ask(request,
              [&](std::optional<PageAnswer> pages) { promise.set_value(std::move(pages)); });
  return answer.get();
}

Follower follower_at(Recorder& primary) {
  FollowerStart start;
  start.node = "standby";
  start.endpoints = {"a"};
  start.stream = primary.stream();
  start.log = primary.log()->bounds();
  start.history = primary.log()->history();
  start.applied = primary.position();
  return Follower(std::move(start));
}

}  // namespace

TEST_CASE("a damaged page that another node asks for: no answer, and the replica is resynced") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
      "INSERT INTO t(a, b) SELECT i, randomblob(500) FROM n");
  Standby standby(scratch.path(), primary.stream());
  standby.copy_from(primary);
  const auto path = standby.path();
  const StateDirectory directory(standby.options().state_dir);
  Silent silent;
  Told told;
  Applier applier(
      path, directory, [&] { return primary.log(); },
      [&](std::function<void(Follower&)> event) { told.put(std::move(event)); }, silent,
      std::make_shared<Meters>());
  REQUIRE(applier.open(primary.stream(), true) == primary.position());
  auto follower = follower_at(primary);
  std::thread apply([&] { applier.run(); });

  const PageRequest everything{.first = 1, .count = primary.outline().page_count, .known = {}};
  const auto whole = ask(applier, everything);
  flip_byte(path, 2 * 4096 - 1);  // in page 2
  const auto damaged = ask(applier, everything);
  applier.stop();
  apply.join();

  REQUIRE(whole);
  CHECK(whole->pages.size() == everything.count);
  CHECK_FALSE(damaged);
  CHECK_FALSE(applier.outline());  // nobody else is to begin a resync from it
  CHECK(follower.applied());
  told.carry_out(follower);
  CHECK_FALSE(follower.applied());
}
