// Single transitions of the Follower; whole histories are played by tests/simulation.
#include "tests/follower/driven.h"

using namespace understudy;

TEST_CASE("it subscribes first, then says Hello with the end of its log") {
  Driven d(5);
  REQUIRE(d.action<follow::Connect>());
  CHECK(d.action<follow::Connect>()->topic == stream_of(1));
  REQUIRE(d.sent<message::Hello>());
  CHECK(d.sent<message::Hello>()->position == Position{1, 5, 5});
  CHECK(std::holds_alternative<follow::Connect>(d.actions.front()));
}

TEST_CASE("what is missing is fetched; duplicates and old batches change nothing") {
  Driven d(5);
  d.welcome(Verdict::connects, 8);
  REQUIRE(d.sent<message::Fetch>());
  CHECK(d.sent<message::Fetch>()->from == PartKey{6, 0});
  const auto id = d.sent<message::Fetch>()->fetch_id;
  d.answer(message::Batches{id, {batch(5, 4), batch(6, 5), batch(6, 5), batch(7, 6)}});
  std::size_t appends = 0;
  for (const auto& action : d.actions) appends += std::holds_alternative<follow::Append>(action);
  CHECK(appends == 2);
  CHECK(d.follower.received().seq == 7);
}

TEST_CASE("a hole in the live stream is fetched, and what came behind it is kept") {
  Driven d(5);
  d.welcome(Verdict::connects, 5);
  d.live(message::LiveBatch{batch(7, 6)});
  CHECK_FALSE(d.action<follow::Append>());
  REQUIRE(d.sent<message::Fetch>());
  const auto id = d.sent<message::Fetch>()->fetch_id;
  d.answer(message::Batches{id, {batch(6, 5)}});
  CHECK(d.follower.received().seq == 7);
}

TEST_CASE("a batch that does not chain on is not appended, and the server is asked again") {
  auto start = Driven::start_of(5, {"a"});
  start.log->last.epoch = 2;
  start.history = history_of({4});
  start.applied = start.log->last;
  for (const auto& blob : {batch(6, 999, 2), batch(6, 5, 1)}) {
    Driven d(start);
    d.welcome(Verdict::connects, 5, 2);
    d.live(message::LiveBatch{blob});
    CHECK_FALSE(d.action<follow::Append>());
    CHECK(d.follower.received().seq == 5);
    d.tick(1'000'000);
    CHECK(d.sent<message::Hello>());
  }
}

TEST_CASE("another stream and a newer protocol stop it, with nothing changed") {
  Driven other(5);
  other.welcome(Verdict::other_stream, 9, 1, 2);
  CHECK(other.action<follow::Stop>());
  // Even when the server says that all is well.
  Driven lying(5);
  lying.welcome(Verdict::connects, 9, 1, 2);
  CHECK(lying.action<follow::Stop>());
  Driven newer(5);
  newer.answer(message::OtherVersion{kProtocolVersion + 1});
  CHECK(newer.action<follow::Stop>());
  CHECK(newer.follower.state() == StandbyState::stopped);
  newer.tick(60'000'000);
  CHECK(newer.actions.empty());
}

TEST_CASE("a server of a lower epoch is not followed, whatever its verdict") {
  for (const auto verdict : {Verdict::connects, Verdict::diverged, Verdict::too_old}) {
    Driven d(5);
    d.welcome(verdict, 100, 0);
    CHECK_FALSE(d.action<follow::ResetLog>());
    CHECK_FALSE(d.sent<message::Fetch>());
    CHECK_FALSE(d.sent<message::OutlineRequest>());
    CHECK(d.follower.state() == StandbyState::connecting);
  }
}

TEST_CASE("an answer to an earlier Hello is not taken") {
  Driven d(5);
  d.answer(message::Welcome{0,
                            "primary",
                            stream_of(1),
                            77,
                            Verdict::diverged,
                            {},
                            {1, 9, 9},
                            {10, 0},
                            history_of({}),
                            true});
  CHECK_FALSE(d.sent<message::OutlineRequest>());
}

TEST_CASE("a silent server: other endpoints in turn, and said so ever more rarely") {
  Driven d(5, {"a", "b"});
  std::size_t connects = 0;
  std::size_t warnings = 0;
  for (int second = 0; second < 300; ++second) {
    d.tick(1'000'000);
    if (const auto* connect = d.action<follow::Connect>()) {
      ++connects;
      CHECK(connect->endpoint == connects % 2);
    }
    const auto* report = d.action<follow::Report>();
    warnings += report && report->severity == follow::Severity::warning;
  }
  CHECK(connects >= 50);
  CHECK(warnings >= 3);
  CHECK(warnings <= 12);
}

TEST_CASE("no more is asked for than the window, while the local log is slow") {
  Driven d(5);
  d.welcome(Verdict::connects, 1'000'000);
  auto granted = d.sent<message::Fetch>()->credit;
  CHECK(granted <= kWindow);
  const auto id = d.sent<message::Fetch>()->fetch_id;
  std::uint64_t handed = 0;
  for (Seq seq = 6; handed + kMessageCost < granted && seq < 2000; ++seq) {
    const message::Batches batches{id, {batch(seq, seq - 1)}};
    handed += batches.cost();
    d.answer(batches);
    if (const auto* credit = d.sent<message::Credit>()) granted += credit->more;
  }
  // The bytes are small and the messages many: what is handed over and not durable stays bounded.
  CHECK(d.follower.received().seq > 100);
}

TEST_CASE("resync of a new standby: outline, log, groups, and only then the end") {
  Driven d(std::nullopt);
  d.welcome(Verdict::no_log, 9);
  REQUIRE(d.sent<message::OutlineRequest>());
  d.answer(message::Outline{true, {1, 9, 9}, 4096, 300});
  REQUIRE(d.action<follow::BeginResync>());
  REQUIRE(d.action<follow::ResetLog>());
  const auto ticket = d.action<follow::ResetLog>()->ticket;
  for (const PageNo first : {1u, 257u}) {
    d.follower.on_hashes(first, {});
    d.collect();
    const auto* request = d.sent<message::PagesRequest>();
    REQUIRE(request);
    const auto asked = *request;
    d.answer(
        message::Pages{asked.request_id, true, {1, 9, 9}, 4096, 300, first, asked.count, {}, {}});
    CHECK(d.action<follow::StoreGroup>());
    d.follower.on_group_stored(first);
    d.collect();
    // The log that this resync rests on is not durable yet.
    CHECK_FALSE(d.action<follow::FinishResync>());
  }
  d.follower.on_log(ticket, bounds_at(9, 9));
  d.collect();
  REQUIRE(d.action<follow::FinishResync>());
  CHECK(d.action<follow::FinishResync>()->min_seq == 9);
  d.follower.on_resync_finished({1, 9, 9});
  CHECK(d.follower.state() == StandbyState::streaming);
}

TEST_CASE("pages read of a state that the primary has lost: the exchange begins anew") {
  FollowerStart start = Driven::start_of(5, {"a"});
  start.applied.reset();
  Driven d(start);
  d.welcome(Verdict::connects, 9);
  d.answer(message::Outline{true, {1, 9, 9}, 4096, 10});
  REQUIRE(d.action<follow::BeginResync>());
  d.follower.on_hashes(1, {});
  d.collect();
  REQUIRE(d.sent<message::PagesRequest>());
  const auto asked = *d.sent<message::PagesRequest>();
  d.answer(message::Pages{asked.request_id, true, {1, 12, 12}, 4096, 10, 1, asked.count, {}, {}});
  REQUIRE(d.action<follow::StoreGroup>());
  d.follower.on_group_stored(1);
  d.collect();

  // Its log was put back to an old copy: it ends at 7, and may stay there for as long as it likes.
  d.live(message::Heartbeat{stream_of(1), 78, {1, 7, 7}, {8, 0}, 0});
  d.tick(1'000'000);
  d.welcome(Verdict::connects, 7);
  REQUIRE(d.sent<message::OutlineRequest>());
  d.answer(message::Outline{true, {1, 7, 7}, 4096, 10});
  CHECK(d.action<follow::BeginResync>());

  // A server that has what was read goes on where it was.
  d.live(message::Heartbeat{stream_of(1), 79, {1, 7, 7}, {8, 0}, 0});
  d.tick(1'000'000);
  d.welcome(Verdict::connects, 7);
  CHECK_FALSE(d.sent<message::OutlineRequest>());
}

TEST_CASE("a diverged log is put aside; nothing of it is acknowledged") {
  Driven d(5);
  d.welcome(Verdict::diverged, 9);
  const auto* ack = d.sent<message::Ack>();
  if (ack) CHECK(ack->durable == 0);
  d.answer(message::Outline{true, {1, 9, 9}, 4096, 1});
  REQUIRE(d.action<follow::ResetLog>());
  CHECK(d.action<follow::ResetLog>()->keep_orphans);
}

TEST_CASE("a log that is too old is given up only when the replica shows all of it") {
  FollowerStart start = Driven::start_of(5, {"a"});
  start.applied = Position{1, 3, 3};
  Driven d(start);
  d.welcome(Verdict::too_old, 900);
  CHECK_FALSE(d.sent<message::OutlineRequest>());
  d.follower.on_applied({1, 5, 5});
  d.collect();
  CHECK(d.sent<message::OutlineRequest>());
}

TEST_CASE("a restarted server is greeted anew") {
  Driven d(5);
  d.welcome(Verdict::connects, 5);
  d.live(message::Heartbeat{stream_of(1), 78, {1, 5, 5}, {6, 0}, 0});
  d.tick(1'000'000);
  CHECK(d.sent<message::Hello>());
}
