// Intake: appended by the log thread or there and then by the follow thread, the log is the same:
// in order, durable when it is reported, one at a time.
#include "subscriber/intake.h"

#include "common/core/clock.h"
#include "common/sqlite/connection.h"
#include "tests/standby/log_scene.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <thread>

namespace understudy::test {
namespace {

class Scene {
 public:
  Scene()
      : intake_({.backend_path = folder_.file("backend.db"),
                 .node = "test",
                 .orphans_folder = folder_.file("orphans"),
                 .retention = {},
                 .keep_after = [] { return Seq{0}; }},
                [this](const Intake::Done& done) { on_done(done); }) {
    const auto start = begin_first_epoch("primary", kBase.sum);
    intake_.push(follow::ResetLog{++ticket_, stream_id(), kBase, {start}, false});
  }
  ~Scene() { stop(); }

  void start() {
    log_ = std::thread([this] {
      try {
        intake_.run();
      } catch (const std::exception&) {
        failed_ = true;
      }
    });
  }
  // The log thread fails: it cannot keep the records after `keep_until` before it takes them back.
  void fail_rewinding_to(Seq keep_until) {
    std::ofstream(folder_.file("orphans")) << "no folder";
    intake_.push(follow::RewindLog{++ticket_, keep_until, "a test"});
    log_.join();
    REQUIRE(failed_);
    seq_ = keep_until;
  }
  void stop() {
    intake_.stop();
    if (log_.joinable()) log_.join();
  }
  // Until all that was handed over is reported.
  void wait_until_idle() {
    const auto deadline = monotonic_time_us() + 20'000'000;
    while (reported_ < ticket_ || callbacks_ > 0) {
      REQUIRE(monotonic_time_us() < deadline);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  std::vector<follow::Append> make(int count, std::size_t bytes = 300) {
    std::vector<follow::Append> run;
    for (; count > 0; --count) run.push_back({++ticket_, make_batch(++seq_, bytes)});
    return run;
  }
  bool append_now(std::vector<follow::Append>& run) {
    const auto appended = intake_.append_now(run);
    if (!appended) return false;
    CHECK(appended->first == run.back().ticket);
    CHECK(intake_.open_reader()->bounds().last == appended->second.last);
    auto next = std::vector<follow::Append>();
    CHECK_FALSE(intake_.append_now(next));  // not before it is reported
    intake_.report_appended();
    return true;
  }
  // The log thread may still have the turn when its last work is reported.
  void append_when_free(std::vector<follow::Append>& run) {
    const auto deadline = monotonic_time_us() + 20'000'000;
    while (!append_now(run)) REQUIRE(monotonic_time_us() < deadline);
  }
  void push(std::vector<follow::Append> run) {
    for (auto& append : run) intake_.push(std::move(append));
  }

  // The primary has another log, which begins where this one did.
  void begin_other_log() {
    const auto start = begin_first_epoch("another", kBase.sum);
    seq_ = applied_ = 0;
    intake_.push(follow::ResetLog{++ticket_, stream_id(), kBase, {start}, true});
  }
  [[nodiscard]] std::string backend() const { return folder_.file("backend.db"); }
  [[nodiscard]] std::vector<std::string> kept_logs() const {
    std::vector<std::string> logs;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.file("orphans"), error)) {
      if (entry.path().extension() == ".db") logs.push_back(entry.path());
    }
    return logs;
  }
  [[nodiscard]] bool is_idle() const { return reported_ == ticket_; }
  [[nodiscard]] std::uint64_t reported() const { return reported_; }
  [[nodiscard]] std::thread::id reporter() const { return reporter_; }
  [[nodiscard]] Seq handed_over() const { return seq_; }
  [[nodiscard]] Intake& intake() { return intake_; }

 private:
  void on_done(const Intake::Done& done) {
    CHECK(++callbacks_ == 1);  // one at a time
    CHECK(done.ticket > reported_);
    // What is reported is there for everybody who opens the file.
    CHECK(intake_.open_reader()->bounds().last == done.bounds.last);
    for (const auto& batch : done.batches) {
      CHECK(batch.header.first.seq == ++applied_);
      CHECK(BatchView::parse(*batch.blob));
    }
    CHECK(done.bounds.last.seq == applied_);
    reporter_ = std::this_thread::get_id();
    reported_ = done.ticket;
    --callbacks_;
  }

  TemporaryDirectory folder_;
  Intake intake_;
  std::thread log_;
  std::uint64_t ticket_ = 0;
  Seq seq_ = 0;
  Seq applied_ = 0;
  std::atomic<std::uint64_t> reported_{0};
  std::atomic<std::thread::id> reporter_{};
  std::atomic<int> callbacks_{0};
  std::atomic<bool> failed_{false};
};

TEST_CASE("little is appended by the caller, when nothing is queued, and is durable then") {
  Scene scene;
  auto early = scene.make(1);
  CHECK_FALSE(scene.append_now(early));  // the reset of the log comes first
  CHECK_FALSE(early[0].blob.empty());
  scene.push(std::move(early));
  scene.start();
  scene.wait_until_idle();
  CHECK(scene.reporter() != std::this_thread::get_id());

  auto run = scene.make(3);
  scene.append_when_free(run);
  CHECK(scene.reported() == run.back().ticket);
  CHECK(scene.reporter() == std::this_thread::get_id());
  CHECK(scene.intake().bounds()->last.seq == 4);
}

TEST_CASE("much is left to the log thread") {
  Scene scene;
  scene.start();
  scene.wait_until_idle();
  auto run = scene.make(4, 40'000);
  CHECK_FALSE(scene.append_now(run));
  CHECK(scene.intake().bounds()->last.seq == 0);
  scene.push(std::move(run));
  scene.wait_until_idle();
  CHECK(scene.intake().bounds()->last.seq == 4);
}

TEST_CASE("both threads append, in any mixture: the log has all of it, in order") {
  Scene scene;
  scene.start();
  std::mt19937 random(11);
  int by_caller = 0;
  int queued = 0;
  for (int i = 0; i < 600; ++i) {
    if (random() % 10 == 0) scene.wait_until_idle();
    auto run = scene.make(1 + static_cast<int>(random() % 4));
    if (random() % 4 != 0 && scene.append_now(run)) {
      ++by_caller;
    } else {
      scene.push(std::move(run));
      ++queued;
    }
  }
  scene.wait_until_idle();
  scene.stop();
  CHECK(scene.intake().open_reader()->bounds().last.seq == scene.handed_over());
  CHECK(by_caller > 0);
  CHECK(queued > 0);
  MESSAGE("understudy-count: runs appended by the follow thread=" << by_caller);
}

// What was queued behind the failure is lost: what comes after it does not follow on.
TEST_CASE("where the log thread has failed nobody appends any more") {
  Scene scene;
  scene.start();
  scene.wait_until_idle();
  auto run = scene.make(3);
  scene.append_when_free(run);
  scene.fail_rewinding_to(1);
  auto next = scene.make(1);
  CHECK_FALSE(scene.append_now(next));
  CHECK(scene.intake().open_reader()->bounds().last.seq == 3);
}

// The primary's log is another one: what this one has is kept whole, though its last records are in
// the WAL alone for as long as somebody reads.
TEST_CASE("a log that is put aside waits for its readers, and is one file then") {
  Scene scene;
  scene.start();
  scene.wait_until_idle();
  scene.push(scene.make(5));
  scene.wait_until_idle();
  std::optional<Connection> reader(std::in_place, scene.backend(), Connection::Mode::read_only);
  reader->execute("BEGIN");
  CHECK(reader->query_integer("SELECT count(*) FROM batch") == 5);
  scene.push(scene.make(5));
  scene.wait_until_idle();
  scene.begin_other_log();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // it could do wrong
  CHECK_FALSE(scene.is_idle());
  CHECK(scene.kept_logs().empty());
  reader.reset();
  scene.wait_until_idle();
  REQUIRE(scene.kept_logs().size() == 1);
  const auto kept = scene.kept_logs().front();
  CHECK_FALSE(std::filesystem::exists(kept + "-wal"));
  CHECK(open_sqlite_log_reader(kept)->bounds().last.seq == 10);
  CHECK(scene.intake().bounds()->last == kBase);
}

TEST_CASE("stop() ends the wait for a reader, and the log stays as it was") {
  Scene scene;
  scene.start();
  scene.wait_until_idle();
  scene.push(scene.make(5));
  scene.wait_until_idle();
  Connection reader(scene.backend(), Connection::Mode::read_only);
  reader.execute("BEGIN");
  CHECK(reader.query_integer("SELECT count(*) FROM batch") == 5);
  scene.push(scene.make(5));
  scene.wait_until_idle();
  scene.begin_other_log();
  scene.stop();
  CHECK(scene.kept_logs().empty());
  CHECK(open_sqlite_log_reader(scene.backend())->bounds().last.seq == 10);
}

TEST_CASE("nothing is appended after stop()") {
  Scene scene;
  scene.start();
  scene.wait_until_idle();
  scene.stop();
  auto run = scene.make(1);
  CHECK_FALSE(scene.append_now(run));
  CHECK(scene.intake().open_reader()->bounds().last.seq == 0);
}

}  // namespace
}  // namespace understudy::test
