// The serve thread over real sockets on loopback: greeting, fetching, broadcasting, forgetting.
#include "common/serving/server.h"

#include "common/core/clock.h"
#include "tests/serving/numbered_batches.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <variant>

using namespace understudy;
using test::bounds_at;
using test::kDeadline_us;
using test::make_batch;
using test::stream_id;

namespace {

// `count` records, all there from the beginning.
class FixedLog : public LogReader {
 public:
  explicit FixedLog(Seq count) : count_(count) {}
  LogBounds bounds() override { return bounds_at(count_); }
  std::vector<Bytes> read(PartKey from, std::size_t) override {
    if (from.seq > count_) return {};
    return {make_batch(from.seq, 1000)};
  }
  std::optional<Position> position_at(Seq seq) override { return Position{1, seq, seq}; }
  History history() override { return {unrecorded_first_epoch(stream_id())}; }

 private:
  Seq count_;
};

message::Hello hello(const std::string& name, const StreamId& stream, Seq seq) {
  return {1, name, stream, Position{1, seq, seq}, {unrecorded_first_epoch(stream_id())}};
}

// A node that answers commands when the test says so.
class Cluster : public ClusterHandler {
 public:
  PeerReport report() override {
    PeerReport own;
    own.node = "primary";
    own.epoch = 7;
    return own;
  }
  void on_report(const PeerReport& report) override {
    const std::lock_guard lock(mutex);
    heard.push_back(report);
  }
  void on_command(const message::Command& command, Reply reply) override {
    const std::lock_guard lock(mutex);
    commands.push_back(command);
    replies.push_back(std::move(reply));
  }
  std::size_t command_count() {
    const std::lock_guard lock(mutex);
    return commands.size();
  }

  std::mutex mutex;
  std::vector<PeerReport> heard;
  std::vector<message::Command> commands;
  std::vector<Reply> replies;
};

struct Pair {
  Network network;
  Server server;
  ClientSockets client;
  Wake wake;

  explicit Pair(Seq records, ClusterHandler* cluster = nullptr, PageSource* pages = nullptr)
      : server({.node = "primary",
                .stream = stream_id(),
                .is_primary = true,
                .listen = Endpoint::parse("tcp://127.0.0.1:0"),
                .failed = {},
                .cluster = cluster},
               std::make_unique<FixedLog>(records), pages),
        client(network, server.endpoint(), stream_id()) {
    server.advance(bounds_at(records));
  }

  // Says it until it goes out (the connection comes up in the background).
  void say(const Message& message) {
    const auto deadline = monotonic_time_us() + kDeadline_us;
    while (!client.send(encode_message(message))) {
      REQUIRE(monotonic_time_us() < deadline);
      client.wait(5, wake);
    }
  }

  template <typename M>
  M next(bool live) {
    const auto deadline = monotonic_time_us() + kDeadline_us;
    while (monotonic_time_us() < deadline) {
      while (const auto bytes = live ? client.receive_live() : client.receive()) {
        const auto message = decode_message(*bytes);
        REQUIRE(message);
        if (const auto* found = std::get_if<M>(&*message)) return *found;
      }
      client.wait(20, wake);
    }
    FAIL("no answer in time");
    return {};
  }
};

}  // namespace

TEST_CASE("a standby is welcomed, fetches with credit, and gets the end of the log") {
  Pair pair(100);
  pair.say(hello("standby", stream_id(), 40));
  const auto welcome = pair.next<message::Welcome>(false);
  CHECK(welcome.verdict == Verdict::connects);
  CHECK(welcome.last.seq == 100);

  pair.say(message::Fetch{5, {41, 0}, kCreditLimit});
  for (Seq seq = 41; seq <= 100; ++seq) {
    const auto batches = pair.next<message::Batches>(false);
    CHECK(batches.fetch_id == 5);
    CHECK(BatchView::parse(batches.blobs.front())->header.first.seq == seq);
  }
  CHECK(pair.next<message::FetchEnd>(false).next == PartKey{101, 0});
}

TEST_CASE("without credit nothing more comes; with more it goes on") {
  Pair pair(10);
  pair.say(hello("standby", stream_id(), 0));
  static_cast<void>(pair.next<message::Welcome>(false));
  pair.say(message::Fetch{1, {1, 0}, 1});
  CHECK(BatchView::parse(pair.next<message::Batches>(false).blobs[0])->header.first.seq == 1);
  pair.say(message::Ping{});
  static_cast<void>(pair.next<message::Pong>(false));
  CHECK_FALSE(pair.client.receive());  // answers come in order: no second batch was sent
  pair.say(message::Credit{1, 1});
  CHECK(BatchView::parse(pair.next<message::Batches>(false).blobs[0])->header.first.seq == 2);
}

TEST_CASE("small batches are broadcast, large ones announced") {
  Pair pair(10);
  CHECK(pair.next<message::Heartbeat>(true).last.seq == 10);
  const auto small = make_batch(11, 1000);
  pair.server.advance(bounds_at(11), std::vector{*BatchView::parse(small)});
  CHECK(pair.next<message::LiveBatch>(true).blob == small);
  const auto large = make_batch(12, 2 * kLiveLimit);
  pair.server.advance(bounds_at(12), std::vector{*BatchView::parse(large)});
  auto heartbeat = pair.next<message::Heartbeat>(true);
  while (heartbeat.last.seq < 12) heartbeat = pair.next<message::Heartbeat>(true);
  CHECK(heartbeat.next == PartKey{13, 0});
}

// Batches leave on the log thread; a standby may have one that the serve thread has not heard of.
TEST_CASE("who has what was broadcast this moment is not taken for one that has too much") {
  // Asked for the first time it waits until all is sent, so that it comes in one round.
  struct Growing : PageSource {
    void ask(PageRequest, std::function<void(std::optional<PageAnswer>)>) override {}
    std::optional<StateOutline> outline() const override {
      if (sent.valid()) {
        std::exchange(sent, {}).wait();
      } else {
        server.load()->advance(bounds_at(11));
      }
      return std::nullopt;
    }
    mutable std::future<void> sent;
    std::atomic<Server*> server = nullptr;
  } pages;
  std::promise<void> sent;
  pages.sent = sent.get_future();
  Pair pair(10, nullptr, &pages);
  pages.server = &pair.server;
  pair.say(hello("standby", stream_id(), 10));
  CHECK(pair.next<message::Welcome>(false).verdict == Verdict::connects);
  pair.say(message::OutlineRequest{});
  pair.say(message::OutlineRequest{});
  pair.say(hello("standby", stream_id(), 11));
  sent.set_value();
  const auto welcome = pair.next<message::Welcome>(false);
  CHECK(welcome.verdict == Verdict::connects);
  CHECK(welcome.last.seq == 11);
}

TEST_CASE("strangers, garbage and other streams change nothing") {
  Pair pair(10);
  pair.say(message::Fetch{1, {1, 0}, 1000});
  CHECK(pair.next<message::Refused>(false).code == RefusalCode::hello_first);
  CHECK(pair.client.send(Bytes(100, std::byte{0xff})));
  CHECK(pair.client.send({}));
  StreamId other;
  other.bytes.fill(1);
  pair.say(hello("lost", other, 5));
  CHECK(pair.next<message::Welcome>(false).verdict == Verdict::other_stream);
}

TEST_CASE("acknowledgements show in the status; a log that took parts back asks for a new Hello") {
  Pair pair(10);
  pair.say(hello("standby", stream_id(), 10));
  static_cast<void>(pair.next<message::Welcome>(false));
  pair.say(message::Ack{10, 9, 8, StandbyState::streaming});
  const auto deadline = monotonic_time_us() + kDeadline_us;
  std::vector<PeerStatus> statuses;
  while (statuses.empty() || statuses[0].applied_seq != 8) {
    REQUIRE(monotonic_time_us() < deadline);
    pair.client.wait(5, pair.wake);
    statuses = pair.server.statuses();
  }
  CHECK(statuses[0].name == "standby");
  CHECK(statuses[0].state == "streaming");
  CHECK(statuses[0].durable_seq == 9);

  pair.server.advance(bounds_at(9));
  CHECK(pair.next<message::Refused>(false).code == RefusalCode::hello_first);
}

TEST_CASE("the welcome tells the history, and that this is the primary") {
  Pair pair(10);
  pair.say(hello("standby", stream_id(), 5));
  const auto welcome = pair.next<message::Welcome>(false);
  CHECK(welcome.is_primary);
  CHECK(welcome.history == History{unrecorded_first_epoch(stream_id())});
}

TEST_CASE("probes are heard and answered without a Hello, and a flood of them is cut") {
  Cluster cluster;
  Pair pair(10, &cluster);
  message::Probe probe;
  probe.probe_id = 5;
  probe.report.node = "other";
  pair.say(probe);
  const auto reply = pair.next<message::ProbeReply>(false);
  CHECK(reply.probe_id == 5);
  CHECK(reply.report.epoch == 7);
  {
    const std::lock_guard lock(cluster.mutex);
    CHECK(cluster.heard.at(0).node == "other");
  }

  constexpr int kFlood = 5000;
  for (int i = 0; i < kFlood; ++i) pair.say(probe);
  pair.say(hello("standby", stream_id(), 5));
  static_cast<void>(pair.next<message::Welcome>(false));  // in order: the flood is over
  const std::lock_guard lock(cluster.mutex);
  CHECK(cluster.heard.size() < kFlood / 2);
  CHECK(cluster.heard.size() >= 32);
}

TEST_CASE("who is in no cluster says so") {
  Pair pair(10);
  pair.say(message::Probe{});
  CHECK(pair.next<message::Refused>(false).code == RefusalCode::bad_request);
  pair.say(message::Command{});
  CHECK_FALSE(pair.next<message::CommandReply>(false).ok);
}

TEST_CASE("a command is answered later, by another thread, even as the server ends") {
  Cluster cluster;
  Pair pair(10, &cluster);
  message::Command command;
  command.command_id = 77;
  command.to = "other";
  pair.say(command);
  const auto deadline = monotonic_time_us() + kDeadline_us;
  while (cluster.command_count() < 1) {
    REQUIRE(monotonic_time_us() < deadline);
    pair.client.wait(5, pair.wake);
  }
  CHECK(cluster.commands.at(0).to == "other");
  cluster.replies.at(0)({0, true, "done"});
  std::thread ending([&] { pair.server.stop(); });
  const auto reply = pair.next<message::CommandReply>(false);
  ending.join();
  CHECK(reply.command_id == 77);
  CHECK(reply.ok);
  // The ports are free.
  ServerSockets again(pair.network, pair.server.endpoint());
}

TEST_CASE("commands under way are bounded; one that is dropped is answered for") {
  Cluster cluster;
  Pair pair(10, &cluster);
  message::Command command;
  for (command.command_id = 1; command.command_id <= kCommandsUnderWay + 3; ++command.command_id) {
    pair.say(command);
  }
  for (int i = 0; i < 3; ++i) {
    const auto reply = pair.next<message::CommandReply>(false);
    CHECK(reply.command_id > kCommandsUnderWay);
    CHECK_FALSE(reply.ok);
  }
  CHECK(cluster.command_count() == kCommandsUnderWay);
  {
    const std::lock_guard lock(cluster.mutex);
    cluster.replies.clear();
  }
  for (std::size_t i = 0; i < kCommandsUnderWay; ++i) {
    const auto reply = pair.next<message::CommandReply>(false);
    CHECK(reply.text == "the node gave no answer");
  }
}
