// Who may ask a server for what, over real sockets with keys: each right, lies about names and
// epochs, and rights that are taken away while a session stands.
#include "common/core/clock.h"
#include "common/serving/server.h"
#include "common/transport/key_pair.h"

#include <doctest/doctest.h>

using namespace understudy;

namespace {

constexpr std::int64_t kDeadline_us = 20'000'000;

StreamId stream_id() {
  StreamId id;
  id.bytes.fill(9);
  return id;
}

LogBounds empty_log() {
  LogBounds bounds;
  bounds.base = bounds.last = {1, 0, 0};
  bounds.next = {1, 0};
  return bounds;
}

class EmptyLog : public LogReader {
 public:
  LogBounds bounds() override { return empty_log(); }
  std::vector<Bytes> read(PartKey, std::size_t) override { return {}; }
  std::optional<Position> position_at(Seq seq) override { return Position{1, seq, seq}; }
  History history() override { return {unrecorded_first_epoch(stream_id())}; }
};

class Cluster : public ClusterHandler {
 public:
  PeerReport report() override {
    PeerReport own;
    own.node = "server";
    return own;
  }
  void on_report(const PeerReport& report) override {
    const std::lock_guard lock(mutex_);
    heard_.push_back(report.node);
  }
  void on_command(const message::Command&, Reply reply) override {
    ++commands;
    reply({0, true, "done"});
  }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  std::atomic<int> commands{0};

 private:
  std::mutex mutex_;
  std::vector<std::string> heard_;
};

struct Stage {
  KeyPair server_keys = make_key_pair();
  KeyPair reader = make_key_pair(), feeder = make_key_pair(), commander = make_key_pair();
  std::shared_ptr<Security> security = std::make_shared<Security>(server_keys, PeerList(peers()));
  Cluster cluster;
  Server server{{.node = "server",
                 .stream = stream_id(),
                 .is_primary = true,
                 .listen = Endpoint::parse("tcp://127.0.0.1:0"),
                 .security = security,
                 .failed = {},
                 .cluster = &cluster},
                std::make_unique<EmptyLog>(),
                nullptr};

  Stage() { server.advance(empty_log()); }
  std::vector<KnownPeer> peers() const {
    return {{"reader", reader.public_key, {Right::follow}, ""},
            {"feeder", feeder.public_key, {Right::feed}, "tcp://127.0.0.1:2"},
            {"commander", commander.public_key, {Right::command}, ""}};
  }
  std::uint64_t denied(Denial kind) const {
    return security->denials().counts()[static_cast<std::size_t>(kind)];
  }
};

struct Client {
  Network network;
  ClientSockets sockets;
  Wake wake;

  Client(const Stage& stage, const KeyPair& keys)
      : network(
            std::make_shared<Security>(keys, PeerList({{"server",
                                                        stage.server_keys.public_key,
                                                        {Right::feed},
                                                        stage.server.endpoint().to_string()}}))),
        sockets(network, stage.server.endpoint(), stream_id()) {}

  // The first answer of that type; says it again each 50 ms until there is one. The live stream is
  // passed over: left unread it would end each wait at once, and this be a flood, which is refused.
  template <typename M>
  M ask(const Message& message) {
    const auto deadline_us = monotonic_time_us() + kDeadline_us;
    for (std::int64_t again_us = 0;;) {
      const auto now_us = monotonic_time_us();
      REQUIRE(now_us < deadline_us);
      if (now_us >= again_us) {
        static_cast<void>(sockets.send(encode_message(message)));
        again_us = now_us + 50'000;
      }
      sockets.wait(50, wake);
      while (sockets.receive_live()) {
      }
      while (const auto bytes = sockets.receive()) {
        const auto answer = decode_message(*bytes);
        REQUIRE(answer);
        if (const auto* wanted = std::get_if<M>(&*answer)) return *wanted;
      }
    }
  }
};

message::Hello hello(const std::string& node) {
  return {1, node, stream_id(), Position{1, 0, 0}, {unrecorded_first_epoch(stream_id())}};
}

message::Probe probe(const std::string& node, Epoch epoch = 1) {
  message::Probe made;
  made.probe_id = 5;
  made.report.node = node;
  made.report.stream = stream_id();
  made.report.role = PeerRole::primary;
  made.report.epoch = epoch;
  return made;
}

message::Command switchover() {
  message::Command made;
  made.command_id = 3;
  made.to = "reader";
  return made;
}

}  // namespace

TEST_CASE("each key opens what it is for") {
  Stage stage;
  Client reader(stage, stage.reader), feeder(stage, stage.feeder),
      commander(stage, stage.commander);
  CHECK(reader.ask<message::Welcome>(hello("reader")).verdict == Verdict::connects);
  CHECK(commander.ask<message::CommandReply>(switchover()).ok);
  for (auto* client : {&feeder, &commander}) {
    const auto name = client == &feeder ? "feeder" : "commander";
    const auto refused = client->ask<message::Refused>(hello(name));
    CHECK(refused.code == RefusalCode::not_allowed);
    CHECK(refused.text.find("may not follow") != std::string::npos);
    CHECK(client->ask<message::Refused>(message::Ping{}).code == RefusalCode::not_allowed);
    CHECK(client->ask<message::Refused>(message::OutlineRequest{}).code ==
          RefusalCode::not_allowed);
  }
  const int before = stage.cluster.commands;
  for (auto* client : {&reader, &feeder}) {
    const auto reply = client->ask<message::CommandReply>(switchover());
    CHECK_FALSE(reply.ok);
    CHECK(reply.command_id == 3);
    CHECK(reply.text.find("may not command") != std::string::npos);
  }
  CHECK(stage.cluster.commands == before);
  CHECK(stage.denied(Denial::may_not_follow) > 0);
  CHECK(stage.denied(Denial::may_not_command) > 0);
}

TEST_CASE("who may not feed is answered, and its word on epochs goes unheard") {
  Stage stage;
  Client reader(stage, stage.reader), feeder(stage, stage.feeder),
      commander(stage, stage.commander);
  CHECK(reader.ask<message::ProbeReply>(probe("reader", 1000)).report.node == "server");
  CHECK(commander.ask<message::ProbeReply>(probe("commander", 1000)).report.node == "server");
  CHECK(stage.cluster.heard().empty());
  CHECK(feeder.ask<message::ProbeReply>(probe("feeder", 2)).probe_id == 5);
  CHECK(stage.cluster.heard().front() == "feeder");
}

TEST_CASE("a node cannot speak in the name of another") {
  Stage stage;
  Client reader(stage, stage.reader), feeder(stage, stage.feeder);
  CHECK(feeder.ask<message::Refused>(probe("primary")).code == RefusalCode::not_allowed);
  const auto refused = reader.ask<message::Refused>(hello("feeder"));
  CHECK(refused.code == RefusalCode::not_allowed);
  CHECK(refused.text.find("--node reader") != std::string::npos);
  CHECK(stage.cluster.heard().empty());
  CHECK(stage.server.statuses().empty());
  CHECK(stage.denied(Denial::other_name) >= 2);
}

TEST_CASE("what is taken off the list ends the session that stands") {
  Stage stage;
  Client reader(stage, stage.reader);
  CHECK(reader.ask<message::Welcome>(hello("reader")).verdict == Verdict::connects);
  auto peers = stage.peers();
  peers[0].may = {Right::command};
  stage.security->replace(PeerList(peers));
  CHECK(reader.ask<message::Refused>(message::Ping{}).code == RefusalCode::not_allowed);
  CHECK(reader.ask<message::CommandReply>(switchover()).ok);
  peers.erase(peers.begin());
  stage.security->replace(PeerList(peers));
  const auto reply = reader.ask<message::CommandReply>([] {
    auto other = switchover();
    other.command_id = 4;
    return other;
  }());
  // An answer to the earlier one may still have been under way.
  if (reply.command_id == 4) CHECK(reply.text.find("no longer") != std::string::npos);
  CHECK(reader.ask<message::Refused>(message::Ping{}).text.find("no longer") != std::string::npos);
  // Put back, it begins anew.
  stage.security->replace(PeerList(stage.peers()));
  CHECK(reader.ask<message::Welcome>(hello("reader")).verdict == Verdict::connects);
}
