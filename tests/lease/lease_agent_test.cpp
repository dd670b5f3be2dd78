// The keeper's word carried out by threads: what may hold the fence up, and what may not.
#include "lease/lease_agent.h"

#include "common/core/clock.h"
#include "common/core/heartbeat.h"
#include "tests/lease/keeper_stage.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

namespace understudy::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kLongest{20};

// Until it is so; false: not in a time that nothing here needs.
template <typename Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLongest;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

// What stands there, in this process; it can go away.
class FakeStore final : public LeaseStore {
 public:
  std::atomic<bool> answers{true};
  std::atomic<bool> swaps{true};
  std::atomic<bool> hangs{false};
  std::atomic<int> pauses{0};

  LeaseView observe() override {
    check();
    const std::lock_guard lock(mutex_);
    return view_;
  }
  SwapOutcome swap(const LeaderRecord& record, std::int64_t expected) override {
    check();
    if (!swaps) throw StoreUnreachable("it can be read only");
    const std::lock_guard lock(mutex_);
    const auto there = view_.leader ? view_.leader->revision : 0;
    if (there != expected) return NotSwapped{view_.revision, view_.leader};
    view_.leader = {record, ++view_.revision};
    return Swapped{view_.revision};
  }
  void publish(const MemberRecord&) override { check(); }
  void set_paused(bool is_paused) override {
    check();
    if (is_paused) ++pauses;
    const std::lock_guard lock(mutex_);
    view_.is_paused = is_paused;
    ++view_.revision;
  }

 private:
  void check() const {
    while (hangs) std::this_thread::sleep_for(milliseconds(2));
    if (!answers) throw StoreUnreachable("gone");
  }

  std::mutex mutex_;
  LeaseView view_{.revision = 10, .leader = {}, .members = {{member("b"), 9}}};

  static MemberRecord member(const std::string& node) {
    MemberRecord record;
    record.node = node;
    return record;
  }
};

// A primary whose fence does as the test says.
class FakeBearer final : public LeaseBearer {
 public:
  std::atomic<bool> can_be_fenced{true};
  std::atomic<int> tried{0};
  std::atomic<int> dropped{0};
  std::atomic<int> alarms{0};
  std::atomic<int> stood_down{0};
  std::atomic<bool> hangs{false};
  std::atomic<bool> leads{false};

  LeaseFacts lease_facts() override {
    while (hangs) std::this_thread::sleep_for(milliseconds(2));
    auto facts = primary_at(1, 100);
    if (!leads) facts.role.reset();
    return facts;
  }
  void ask_to_stay(const std::vector<std::string>&, const lease::StayRequest&,
                   std::function<void(const std::string&, bool)>) override {}
  bool try_lease_fence() override {
    ++tried;
    return can_be_fenced;
  }
  void drop_lease_fence() override { ++dropped; }
  void lease_alarm() override { ++alarms; }
  void lead_by_lease(const lease::Lead&) override {}
  void stand_down_by_lease(Epoch, const std::string&) override { ++stood_down; }
  void lease_recorded(const LeaderRecord&) override {}
  void lease_proved_copy() override {}
};

// A short ttl: real clocks run here. `b`, who could promise to stay, does not answer.
struct Scene {
  std::atomic<bool> failed{false};
  FakeBearer bearer;
  FakeStore* store = nullptr;
  std::unique_ptr<LeaseAgent> agent;

  explicit Scene(std::int64_t ttl_us = 900'000) {
    LeaseRules rules = rules_of("a");
    rules.ttl_us = ttl_us;
    rules.margin_us = 400'000;
    auto made = std::make_unique<FakeStore>();
    store = made.get();
    agent = std::make_unique<LeaseAgent>(rules, std::move(made), bearer,
                                         [this](std::exception_ptr) { failed = true; });
    LeaderRecord record = record_of("a", 1);
    record.process = 1;
    record.members = {"a", "b"};
    record.ttl_ms = ttl_us / 1000;
    (void)store->swap(record, 0);
    agent->start();
    REQUIRE(agent->await_view(kLongest));
    REQUIRE(agent->claim(1, kLongest));
    bearer.leads = true;
    REQUIRE(comes_true([this] { return agent->may_write(1); }));
  }
};

// Our stderr, read by nobody: whoever writes to it waits.
class BlockedStderr {
 public:
  BlockedStderr() : kept_(::dup(STDERR_FILENO)) {
    REQUIRE(::pipe(pipe_.data()) == 0);
    const int flags = ::fcntl(pipe_[1], F_GETFL);
    ::fcntl(pipe_[1], F_SETFL, flags | O_NONBLOCK);
    const std::array<char, 512> filling{};
    while (::write(pipe_[1], filling.data(), filling.size()) > 0) {
    }
    ::fcntl(pipe_[1], F_SETFL, flags);
    ::dup2(pipe_[1], STDERR_FILENO);
  }
  // Who waits goes on, and what comes is read until all are gone.
  void unblock() {
    ::dup2(kept_, STDERR_FILENO);
    ::close(pipe_[1]);
    reader_ = std::thread([this] {
      std::array<char, 4096> bytes{};
      while (::read(pipe_[0], bytes.data(), bytes.size()) > 0) {
      }
    });
  }
  ~BlockedStderr() {
    reader_.join();
    ::close(pipe_[0]);
    ::close(kept_);
  }
  BlockedStderr(const BlockedStderr&) = delete;
  BlockedStderr& operator=(const BlockedStderr&) = delete;

 private:
  int kept_;
  std::array<int, 2> pipe_{};
  std::thread reader_;
};

}  // namespace

TEST_CASE("a log that takes no lines does not hold the fence up") {
  Scene scene;
  bool is_fenced = false;
  {
    BlockedStderr blocked;
    scene.store->answers = false;
    is_fenced = comes_true([&] { return scene.bearer.tried > 0 && scene.bearer.stood_down > 0; });
    blocked.unblock();
  }
  CHECK(is_fenced);
  CHECK_FALSE(scene.failed);
}

TEST_CASE("a fence that was had is tried again, for it may have been dropped") {
  Scene scene;
  scene.store->answers = false;
  REQUIRE(comes_true([&] { return scene.bearer.tried > 0; }));
  CHECK(comes_true([&] { return scene.bearer.tried >= 5; }));
  scene.bearer.can_be_fenced = false;  // somebody let go of it
  const int tried = scene.bearer.tried;
  CHECK(comes_true([&] { return scene.bearer.tried >= tried + 20; }));
  CHECK_FALSE(scene.agent->may_write(1));
}

TEST_CASE("renewed again, the fence is dropped and no longer tried") {
  Scene scene;
  scene.store->answers = false;
  REQUIRE(comes_true([&] { return scene.agent->wants_fence(); }));
  scene.store->answers = true;
  // By a renewal within the margin; or, on a machine that is too slow for that, it stood down.
  REQUIRE(comes_true([&] { return scene.bearer.dropped > 0 || scene.bearer.stood_down > 0; }));
  if (scene.bearer.stood_down > 0) return;
  CHECK(scene.agent->may_write(1));
}

TEST_CASE("a lease thread that hangs is missed within a quarter of the margin") {
  Scene scene;
  CHECK(comes_true([] { return heartbeat::out_of_patience(seconds(3600)).empty(); }));
  scene.bearer.hangs = true;
  CHECK(comes_true([] { return !heartbeat::out_of_patience(seconds(3600)).empty(); }));
  scene.bearer.hangs = false;
  CHECK(comes_true([] { return heartbeat::out_of_patience(seconds(3600)).empty(); }));
}

TEST_CASE("paused is what the holder has on record, not what was asked for") {
  Scene scene(3600 * kSecond_us);
  CHECK_FALSE(scene.agent->status().is_paused);
  scene.store->swaps = false;  // it cannot put it on record
  REQUIRE(scene.agent->set_paused(true, kLongest));
  scene.agent->look();
  CHECK(comes_true([&] { return scene.agent->status().is_pausing; }));
  CHECK_FALSE(scene.agent->status().is_paused);
  CHECK_FALSE(scene.agent->await_pause(true, milliseconds(1)));
  scene.store->swaps = true;
  CHECK(scene.agent->await_pause(true, kLongest));
  CHECK(scene.agent->status().is_paused);
  CHECK_FALSE(scene.agent->status().is_pausing);
  REQUIRE(scene.agent->set_paused(false, kLongest));
  CHECK(scene.agent->await_pause(false, kLongest));
  CHECK_FALSE(scene.agent->status().is_paused);
}

TEST_CASE("a pause whose caller gave up is not carried out later, after a resume") {
  Scene scene(60'000'000);
  scene.store->hangs = true;
  scene.agent->look();  // the store's thread is stuck in this
  std::this_thread::sleep_for(milliseconds(150));
  CHECK_FALSE(scene.agent->set_paused(true, milliseconds(50)));
  scene.store->hangs = false;
  CHECK(scene.agent->set_paused(false, kLongest));
  CHECK(scene.store->pauses == 0);
}

}  // namespace understudy::test
