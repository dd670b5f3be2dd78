// The Follower through takeovers: epochs, forks, logs that go beyond what is shared, peers.
#include "tests/follower/driven.h"

using namespace understudy;

// --- epochs ---

TEST_CASE("the epoch rises by the record that opens it, and by nothing else") {
  Driven d(5);
  d.welcome(Verdict::connects, 5);
  const auto history = history_of({6});
  d.live(message::LiveBatch{batch(6, 5, 2)});
  CHECK_FALSE(d.action<follow::Append>());
  CHECK(d.follower.received().epoch == 1);

  Driven opened(5);
  opened.welcome(Verdict::connects, 5);
  opened.live(message::LiveBatch{opening_batch(history[1])});
  CHECK(opened.action<follow::Append>());
  CHECK(opened.follower.received() == Position{2, 6, 5});
  CHECK(opened.follower.history() == history);
}

TEST_CASE("a log that goes beyond what is shared is rewound, and greets when all are done") {
  auto start = Driven::start_of(9, {"a"});
  start.applied = Position{1, 7, 7};
  Driven d(start);
  d.welcome(Verdict::diverged, {2, 9, 8}, history_of({8}));
  const auto* rewind = d.action<follow::RewindLog>();
  REQUIRE(rewind);
  CHECK(rewind->keep_until == 7);
  CHECK_FALSE(d.sent<message::Ack>());
  const auto ticket = rewind->ticket;
  d.tick(20'000'000);  // orphans take their time: nobody is asked or left meanwhile
  CHECK_FALSE(d.sent<message::Hello>());
  CHECK_FALSE(d.action<follow::Connect>());

  SUBCASE("the replica shows only what is shared: its readers keep it") {
    d.follower.on_replica_rewound(Position{1, 7, 7});
    d.follower.on_log(ticket, bounds_at(0, 7));
    d.collect();
    REQUIRE(d.sent<message::Hello>());
    CHECK(d.sent<message::Hello>()->position == Position{1, 7, 7});
    d.welcome(Verdict::connects, {2, 9, 8}, history_of({8}));
    CHECK(d.sent<message::Fetch>());
    CHECK_FALSE(d.sent<message::OutlineRequest>());
    CHECK(d.follower.applied() == Position{1, 7, 7});
  }
  SUBCASE("it shows more: pages are compared, the log stays") {
    d.follower.on_log(ticket, bounds_at(0, 7));
    d.follower.on_applied({1, 9, 9});  // said before it knew
    CHECK_FALSE(d.follower.applied());
    d.follower.on_replica_rewound(std::nullopt);
    d.collect();
    d.welcome(Verdict::connects, {2, 9, 8}, history_of({8}));
    CHECK(d.sent<message::OutlineRequest>());
    CHECK_FALSE(d.action<follow::ResetLog>());
  }
  SUBCASE("the log was trimmed meanwhile and is as it was: it is put aside") {
    d.follower.on_replica_rewound(std::nullopt);
    d.follower.on_log(ticket, bounds_at(8, 9));
    d.collect();
    d.welcome(Verdict::diverged, {2, 9, 8}, history_of({8}));
    CHECK_FALSE(d.action<follow::RewindLog>());
    d.answer(message::Outline{true, {2, 9, 8}, 4096, 1});
    REQUIRE(d.action<follow::ResetLog>());
    CHECK(d.action<follow::ResetLog>()->keep_orphans);
    CHECK(d.action<follow::ResetLog>()->history == history_of({8}));
  }
}

TEST_CASE("a primary that lost its tail: back to its end, and no further than once") {
  Driven d(9);
  d.welcome(Verdict::diverged, 7);
  REQUIRE(d.action<follow::RewindLog>());
  CHECK(d.action<follow::RewindLog>()->keep_until == 7);
  const auto ticket = d.action<follow::RewindLog>()->ticket;
  d.follower.on_replica_rewound(std::nullopt);
  d.follower.on_log(ticket, bounds_at(0, 7));
  d.collect();
  d.welcome(Verdict::diverged, 7);  // even there it is another
  CHECK_FALSE(d.action<follow::RewindLog>());
  CHECK(d.sent<message::OutlineRequest>());
}

TEST_CASE("a fork is not followed, whatever the verdict, and it is said how to decide") {
  for (const auto verdict : {Verdict::forked, Verdict::connects, Verdict::diverged}) {
    auto start = Driven::start_of(9, {"a"});
    start.log->last.epoch = 2;
    start.applied = start.log->last;
    start.history = history_of({8}, 1);
    Driven d(start);
    d.welcome(verdict, {2, 9, 9}, history_of({8}, 2));
    CHECK_FALSE(d.action<follow::RewindLog>());
    CHECK_FALSE(d.action<follow::ResetLog>());
    CHECK_FALSE(d.sent<message::Fetch>());
    REQUIRE(d.action<follow::Report>());
    CHECK(d.action<follow::Report>()->text.find("promote --force") != std::string::npos);
    // A higher epoch decides.
    d.tick(1'000'000);
    auto decided = history_of({8, 10}, 2);
    d.welcome(Verdict::diverged, {3, 12, 12}, decided);
    REQUIRE(d.action<follow::RewindLog>());
    CHECK(d.action<follow::RewindLog>()->keep_until == 7);
  }
}

TEST_CASE("a history without a common opening: the log is put aside") {
  Driven d(5);
  auto theirs = history_of({3});
  theirs[0].tenure = 99;
  d.welcome(Verdict::connects, {2, 9, 9}, theirs);
  CHECK_FALSE(d.action<follow::RewindLog>());
  d.answer(message::Outline{true, {2, 9, 9}, 4096, 1});
  REQUIRE(d.action<follow::ResetLog>());
  CHECK(d.action<follow::ResetLog>()->keep_orphans);
}

TEST_CASE("an epoch opened between welcome and outline: the history is asked for first") {
  Driven d(std::nullopt);
  d.welcome(Verdict::no_log, {1, 9, 9}, history_of({}));
  d.answer(message::Outline{true, {2, 10, 9}, 4096, 300});
  CHECK_FALSE(d.action<follow::ResetLog>());
  d.tick(200'000);
  d.welcome(Verdict::no_log, {2, 10, 9}, history_of({10}));
  d.answer(message::Outline{true, {2, 10, 9}, 4096, 300});
  REQUIRE(d.action<follow::ResetLog>());
  CHECK(d.action<follow::ResetLog>()->history == history_of({10}));
  CHECK(d.follower.history() == history_of({10}));
}

TEST_CASE("what became durable is acknowledged at once, the rest once a millisecond") {
  Driven d(5);
  d.welcome(Verdict::connects, 5);
  d.tick(1'000'000);
  for (Seq seq = 6; seq < 16; ++seq) {  // no time passes
    d.live(message::LiveBatch{batch(seq, seq - 1)});
    REQUIRE(d.action<follow::Append>());
    const auto ticket = d.action<follow::Append>()->ticket;
    CHECK_FALSE(d.sent<message::Ack>());
    d.follower.on_log(ticket, bounds_at(0, seq));
    d.collect();
    REQUIRE(d.sent<message::Ack>());
    CHECK(d.sent<message::Ack>()->durable == seq);
    d.follower.on_applied({1, seq, seq});
    d.collect();
    CHECK_FALSE(d.sent<message::Ack>());
  }
}

// --- peers ---

TEST_CASE("peers: a standby is passed over while another may lead, and followed when none does") {
  auto start = Driven::start_of(5, {"a", "b", "c"});
  start.prefer_primary = true;
  Driven d(start);
  d.welcome(Verdict::connects, {1, 5, 5}, history_of({}), false);
  d.tick(0);
  REQUIRE(d.action<follow::Connect>());
  CHECK(d.action<follow::Connect>()->endpoint == 1);
  d.tick(kPeerConnectLimit_us);  // silent
  REQUIRE(d.action<follow::Connect>());
  CHECK(d.action<follow::Connect>()->endpoint == 2);
  d.tick(0);

  SUBCASE("the third leads") {
    d.welcome(Verdict::connects, {1, 5, 5}, history_of({}), true);
    CHECK(d.follower.state() == StandbyState::streaming);
  }
  SUBCASE("nobody leads: after a round the first standby will do, but not for ever") {
    d.welcome(Verdict::connects, {1, 5, 5}, history_of({}), false);
    d.tick(kRoundPause_us);
    REQUIRE(d.action<follow::Connect>());
    CHECK(d.action<follow::Connect>()->endpoint == 0);
    d.welcome(Verdict::connects, {1, 5, 5}, history_of({}), false);
    CHECK(d.follower.state() == StandbyState::streaming);
    bool looked = false;
    for (int second = 0; second < 12 && !looked; ++second) {
      d.answer(message::Pong{{1, 5, 5}});
      d.live(message::Heartbeat{stream_of(1), 77, {1, 5, 5}, {6, 0}, 0});
      d.tick(1'000'000);
      looked = d.action<follow::Connect>() != nullptr;
    }
    CHECK(looked);
  }
  SUBCASE("it is this node itself: never") {
    d.welcome(Verdict::connects, {1, 5, 5}, history_of({}), true, 1, "standby");
    CHECK(d.follower.state() == StandbyState::connecting);
  }
  SUBCASE("somebody knows better") {
    d.follower.prefer(1);
    d.collect();
    REQUIRE(d.action<follow::Connect>());
    CHECK(d.action<follow::Connect>()->endpoint == 1);
    d.follower.prefer(1);
    d.collect();
    CHECK_FALSE(d.action<follow::Connect>());
  }
}

TEST_CASE("peers: an old version or another database among them ends nothing") {
  auto start = Driven::start_of(5, {"a", "b"});
  start.prefer_primary = true;
  Driven d(start);
  d.answer(message::OtherVersion{1});
  CHECK_FALSE(d.action<follow::Stop>());
  d.tick(0);
  REQUIRE(d.action<follow::Connect>());
  d.welcome(Verdict::other_stream, {1, 5, 5}, history_of({}), true, 2);
  CHECK_FALSE(d.action<follow::Stop>());
  d.tick(kRoundPause_us);
  CHECK(d.action<follow::Connect>());
}

TEST_CASE("what was heard of the primary is remembered when only a standby answers") {
  Driven d(5, {"a", "b"});
  d.welcome(Verdict::connects, 9);
  CHECK(d.follower.known_last() == Position{1, 9, 9});
  d.follower.prefer(1);
  d.tick(0);
  d.welcome(Verdict::connects, {1, 5, 5}, history_of({}), false);
  CHECK(d.follower.known_last() == Position{1, 9, 9});
  CHECK(d.follower.server_last() == Position{1, 5, 5});
}

TEST_CASE("a second copy of the welcome that led to a rewind counts for nothing") {
  Driven d(9);
  REQUIRE(d.sent<message::Hello>());
  const message::Welcome welcome{d.sent<message::Hello>()->hello_id,
                                 "primary",
                                 stream_of(1),
                                 77,
                                 Verdict::diverged,
                                 {1, 0, 0},
                                 {2, 9, 8},
                                 {10, 0},
                                 history_of({8}),
                                 true};
  d.answer(welcome);
  REQUIRE(d.action<follow::RewindLog>());
  const auto ticket = d.action<follow::RewindLog>()->ticket;
  d.answer(welcome);
  CHECK_FALSE(d.action<follow::RewindLog>());
  d.follower.on_replica_rewound(std::nullopt);
  d.follower.on_log(ticket, bounds_at(0, 7));
  d.collect();
  REQUIRE(d.sent<message::Hello>());
  d.answer(welcome);
  CHECK_FALSE(d.action<follow::ResetLog>());
  CHECK_FALSE(d.sent<message::OutlineRequest>());
}
