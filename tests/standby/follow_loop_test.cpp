// FollowLoop: what two threads say of the log reaches the Follower in the order in which it became
// true.
#include "subscriber/follow_loop.h"

#include "common/backend/backend.h"
#include "common/logging/progress.h"
#include "common/node/state_directory.h"
#include "tests/standby/log_scene.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <future>
#include <thread>

namespace understudy::test {
namespace {

const History& history() {
  static const History opened{begin_first_epoch("primary", kBase.sum)};
  return opened;
}

// A standby with an empty log that nobody answers; its log thread does not run.
class Scene {
 public:
  Scene()
      : loop_(
            {.node = "standby",
             .endpoints = {"tcp://127.0.0.1:9"},
             .stream = stream_id(),
             .log = intake_.bounds(),
             .applied = kBase,
             .history = history()},
            {Endpoint::parse("tcp://127.0.0.1:9")}, intake_, applier_, [](const StreamId&) {},
            folder_.file("commit-page"), std::make_shared<Security>(), std::make_shared<Meters>()) {
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Scene() {
    loop_.stop();
    thread_.join();
  }
  FollowLoop& loop() { return loop_; }
  Intake& intake() { return intake_; }

 private:
  static std::string make_log(std::string path) {
    (void)open_sqlite_backend(path, stream_id(), kBase, history());
    return path;
  }

  TemporaryDirectory folder_;
  StateDirectory directory_{folder_.path()};
  std::unique_ptr<Progress> progress_ = make_progress();
  Intake intake_{{.backend_path = make_log(directory_.backend()),
                  .node = "standby",
                  .orphans_folder = folder_.file("orphans"),
                  .retention = {},
                  .keep_after = [] { return Seq{0}; }},
                 [](const Intake::Done&) {}};
  Applier applier_{folder_.file("replica.db"),
                   directory_,
                   [this] { return intake_.open_reader(); },
                   [](std::function<void(Follower&)>) {},
                   *progress_,
                   std::make_shared<Meters>()};
  FollowLoop loop_;
  std::thread thread_;
};

message::Welcome welcome() {
  return {.hello_id = 1,
          .node = "primary",
          .stream = stream_id(),
          .instance = 7,
          .verdict = Verdict::connects,
          .base = kBase,
          .last = kBase,
          .next = {1, 0},
          .history = history(),
          .is_primary = true};
}

// The log thread reports a trim (ticket 0) just when the follow thread has looked for reports, and
// has a batch in hand that it appends itself.
TEST_CASE("an older report of the log thread does not take back what this thread has appended") {
  Scene scene;
  std::promise<Seq> durable;
  auto& loop = scene.loop();
  const auto ask = [&](Follower& follower) { durable.set_value(follower.durable().seq); };
  const auto trimmed = [&, bounds = *scene.intake().bounds()](Follower& follower) {
    follower.on_log(0, bounds);
    loop.post(ask);
  };
  loop.post([&](Follower& follower) {
    follower.on_message(welcome());
    follower.on_live(message::LiveBatch{make_batch(1, 300)});
    loop.post(trimmed);
  });
  CHECK(durable.get_future().get() == 1);
  CHECK(scene.intake().bounds()->last.seq == 1);
}

}  // namespace
}  // namespace understudy::test
