// PeerLinks over real sockets on loopback: nodes that answer, are silent, talk nonsense, restart or
// are not there at all.
#include "common/cluster/peer_links.h"

#include "common/core/clock.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <functional>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

using Outcome = CommandOutcome::Kind;
constexpr std::int64_t kDeadline_us = 10'000'000;

StreamId stream_id() {
  StreamId id;
  id.bytes.fill(7);
  return id;
}

PeerReport report(std::string node, PeerRole role, Epoch epoch, std::uint64_t process) {
  PeerReport made;
  made.node = std::move(node);
  made.stream = stream_id();
  made.process = process;
  made.role = role;
  made.epoch = epoch;
  made.tenure = epoch * 10;
  return made;
}

void wait_until(const std::function<bool()>& reached) {
  const auto deadline_us = monotonic_time_us() + kDeadline_us;
  while (!reached()) {
    REQUIRE(monotonic_time_us() < deadline_us);
    std::this_thread::yield();
  }
}

// The requests port of a node, answered by a thread of its own.
class FakeNode {
 public:
  explicit FakeNode(PeerReport said, const Endpoint& at = Endpoint::parse("tcp://127.0.0.1:0"))
      : said_(std::move(said)),
        sockets_(network_, at, {.answer_queue = 1024}),
        thread_([this] { run(); }) {}
  ~FakeNode() {
    stopping_ = true;
    wake_.wake();
    thread_.join();
  }
  Endpoint endpoint() const { return sockets_.endpoint(); }
  void say(PeerReport said) {
    const std::lock_guard lock(mutex_);
    said_ = std::move(said);
  }
  std::vector<PeerReport> visitors() const {
    const std::lock_guard lock(mutex_);
    return visitors_;
  }

  std::atomic<bool> is_silent{false};
  std::atomic<bool> talks_nonsense{false};
  std::atomic<int> commands{0};

 private:
  void run() {
    while (!stopping_) {
      sockets_.wait(1000, wake_);
      while (const auto request = sockets_.receive()) {
        const auto message = decode_message(request->payload);
        if (message && !is_silent) answer(request->identity, *message);
      }
    }
  }
  void answer(const Bytes& to, const Message& message) {
    const std::lock_guard lock(mutex_);
    if (talks_nonsense) talk_nonsense(to);
    if (const auto* probe = std::get_if<message::Probe>(&message)) {
      visitors_.push_back(probe->report);
      if (!talks_nonsense) send(to, message::ProbeReply{probe->probe_id, said_});
    } else if (const auto* command = std::get_if<message::Command>(&message)) {
      ++commands;
      send(to,
           message::CommandReply{command->command_id, true, fmt::format("for {}", command->to)});
      send(to, message::CommandReply{command->command_id, false, "twice"});
    }
  }
  void talk_nonsense(const Bytes& to) {
    static_cast<void>(sockets_.send(to, Bytes(1000, std::byte{0xc1})));
    static_cast<void>(sockets_.send(to, {}));
    send(to, message::ProbeReply{12345, report("liar", PeerRole::primary, 99, 1)});
    send(to, message::CommandReply{54321, true, "never asked"});
    send(to, message::Pong{});
    send(to, message::Hello{});
  }
  void send(const Bytes& to, const Message& message) {
    static_cast<void>(sockets_.send(to, encode_message(message)));
  }

  mutable std::mutex mutex_;
  PeerReport said_;
  std::vector<PeerReport> visitors_;
  std::atomic<bool> stopping_{false};
  Wake wake_;
  Network network_;
  ServerSockets sockets_;
  std::thread thread_;
};

// This node: what it says of itself, and what it was told.
struct Self {
  std::mutex mutex;
  PeerReport said = report("self", PeerRole::standby, 1, 99);
  std::vector<PeerEvent> events;

  PeerLinksOptions options(std::vector<Endpoint> peers) {
    PeerLinksOptions made;
    made.peers = std::move(peers);
    made.report = [this] {
      const std::lock_guard lock(mutex);
      return said;
    };
    made.event = [this](const PeerEvent& event) {
      const std::lock_guard lock(mutex);
      events.push_back(event);
    };
    return made;
  }
  void say(PeerReport now) {
    const std::lock_guard lock(mutex);
    said = std::move(now);
  }
  bool was_told(PeerEvent::Kind kind) {
    const std::lock_guard lock(mutex);
    return std::ranges::count(events, kind, &PeerEvent::kind) > 0;
  }
};

// Where nobody listens.
Endpoint nowhere() {
  return FakeNode(report("gone", PeerRole::none, 0, 1)).endpoint();
}

std::string leader(const PeerLinks& links) {
  const auto primary = links.primary();
  return primary ? primary->report.node : "";
}

message::Command take_over() {
  message::Command command;
  command.kind = CommandKind::take_over;
  command.to = std::string("b");
  command.takeover_id = 4;
  return command;
}

}  // namespace

TEST_CASE("peers are found, and told who asks") {
  FakeNode a(report("a", PeerRole::primary, 1, 1)), b(report("b", PeerRole::standby, 1, 2));
  Self self;
  PeerLinks links(self.options({a.endpoint(), b.endpoint()}));
  CHECK(links.refresh(5s, false));
  CHECK(leader(links) == "a");
  CHECK(links.peers().size() == 2);
  CHECK(links.highest_epoch() == 1);
  CHECK(links.endpoint_of("b") == b.endpoint());
  CHECK_FALSE(links.endpoint_of("c"));
  CHECK(links.find("b")->report.process == 2);
  CHECK(a.visitors().front() == self.said);
  wait_until([&] { return self.was_told(PeerEvent::Kind::primary_found); });
}

TEST_CASE("the own endpoint among the peers is no peer") {
  Self self;
  FakeNode own(self.said), a(report("a", PeerRole::primary, 1, 1));
  PeerLinks links(self.options({own.endpoint(), a.endpoint()}));
  CHECK(links.refresh(5s, false));
  REQUIRE(links.peers().size() == 1);
  const auto before = own.visitors().size();
  CHECK(links.refresh(5s, false));
  CHECK(own.visitors().size() == before);
}

TEST_CASE("an announcement is heard by all at once, with what this node is by then") {
  FakeNode a(report("a", PeerRole::primary, 1, 1)), b(report("b", PeerRole::standby, 1, 2));
  Self self;
  PeerLinks links(self.options({a.endpoint(), b.endpoint()}));
  CHECK(links.refresh(5s, false));
  const auto promoted = report("self", PeerRole::primary, 2, 99);
  self.say(promoted);
  const auto at_us = monotonic_time_us();
  links.announce();
  for (const auto* node : {&a, &b}) {
    wait_until([&] { return node->visitors().back() == promoted; });
  }
  CHECK(monotonic_time_us() - at_us < 200'000);  // sooner than by any timer
}

TEST_CASE("a visitor's higher epoch is told at once") {
  Self self;
  PeerLinks links(self.options({nowhere()}));
  links.on_visit(report("b", PeerRole::primary, 2, 2));
  CHECK(links.highest_epoch() == 2);
  CHECK(leader(links) == "b");
  wait_until([&] { return self.was_told(PeerEvent::Kind::epoch_rose); });
}

TEST_CASE("a command is answered once; blocking and not") {
  FakeNode a(report("a", PeerRole::primary, 1, 1)), b(report("b", PeerRole::standby, 1, 2));
  Self self;
  PeerLinks links(self.options({a.endpoint(), b.endpoint()}));
  const auto outcome = links.send_command(b.endpoint(), take_over(), 5s);  // waits for the link
  CHECK(outcome.kind == Outcome::answered);
  CHECK(outcome.reply.ok);
  CHECK(outcome.reply.text == "for b");
  std::atomic<int> answers{0};
  for (int i = 0; i < 50; ++i) {
    links.send_command(b.endpoint(), take_over(), 5s, [&](const CommandOutcome& ended) {
      if (ended.kind == Outcome::answered && ended.reply.ok) ++answers;
    });
  }
  wait_until([&] { return answers == 50; });
  CHECK(b.commands == 51);
  CHECK(a.commands == 0);
}

TEST_CASE("a command that never left is told from one without an answer") {
  FakeNode a(report("a", PeerRole::primary, 1, 1));
  const auto empty = nowhere();
  Self self;
  PeerLinks links(self.options({a.endpoint(), empty}));
  CHECK(links.send_command(empty, take_over(), 50ms).kind == Outcome::not_sent);
  CHECK(links.send_command(Endpoint::parse("tcp://127.0.0.1:9"), take_over(), 5s).kind ==
        Outcome::not_sent);
  CHECK(links.refresh(5s, true));
  a.is_silent = true;
  CHECK(links.send_command(a.endpoint(), take_over(), 50ms).kind == Outcome::silent);
  CHECK_FALSE(links.refresh(100ms, true));
}

TEST_CASE("commands under way end with the links") {
  FakeNode a(report("a", PeerRole::primary, 1, 1));
  const auto empty = nowhere();
  a.is_silent = true;
  Self self;
  std::vector<Outcome> outcomes;  // the destructor waits for the thread that writes them
  {
    PeerLinks links(self.options({a.endpoint(), empty}));
    const auto note = [&](const CommandOutcome& ended) { outcomes.push_back(ended.kind); };
    links.send_command(a.endpoint(), take_over(), 100s, note);
    links.send_command(empty, take_over(), 100s, note);
  }
  CHECK(outcomes.size() == 2);
  CHECK(std::ranges::count(outcomes, Outcome::answered) == 0);
}

TEST_CASE("nonsense changes nothing, and the others are heard") {
  FakeNode liar(report("a", PeerRole::primary, 9, 1)), b(report("b", PeerRole::primary, 1, 2));
  liar.talks_nonsense = true;
  Self self;
  PeerLinks links(self.options({liar.endpoint(), b.endpoint()}));
  CHECK_FALSE(links.refresh(500ms, false));
  CHECK(leader(links) == "b");
  CHECK(links.peers().size() == 1);
  const auto outcome = links.send_command(liar.endpoint(), take_over(), 5s);
  CHECK(outcome.reply.text == "for b");
  liar.talks_nonsense = false;
  CHECK(links.refresh(5s, true));
  CHECK(leader(links) == "a");
}

TEST_CASE("a peer that restarts on its port is found again, as another process") {
  auto a = std::make_unique<FakeNode>(report("a", PeerRole::primary, 1, 1));
  const auto endpoint = a->endpoint();
  Self self;
  PeerLinks links(self.options({endpoint}));
  CHECK(links.refresh(5s, false));
  a.reset();
  CHECK(links.refresh(5s, true));  // nobody to wait for, and that shows soon
  CHECK_FALSE(links.refresh(50ms, false));
  a = std::make_unique<FakeNode>(report("a", PeerRole::standby, 1, 2), endpoint);
  CHECK(links.refresh(5s, false));
  CHECK(leader(links) == "");
  CHECK(links.find("a")->report.process == 2);
  wait_until([&] { return self.was_told(PeerEvent::Kind::restarted); });
}

// Not run with the others: takes its time. test_cluster --test-case='*processor*' --no-skip
TEST_CASE("at rest it takes next to no processor time" * doctest::skip()) {
  FakeNode a(report("a", PeerRole::primary, 1, 1)), b(report("b", PeerRole::standby, 1, 2));
  Self self;
  PeerLinks links(self.options({a.endpoint(), b.endpoint(), nowhere()}));
  std::this_thread::sleep_for(5s);
  const auto used_us = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
  };
  const auto before_us = used_us();
  std::this_thread::sleep_for(20s);
  // Both sides of two links: this node's, and the nodes that it asks.
  const auto per_second_us = (used_us() - before_us) / 20;
  MESSAGE("processor time a second: " << per_second_us << " us");
  CHECK(per_second_us < 2000);
}
