// PeerView is told of the same cluster in every order of reports, and must conclude the same; then
// what time, restarts and contradictions do to it. Time and everything else is made up here.
#include "tests/cluster/peer_view_stage.h"

#include <doctest/doctest.h>

#include <array>

using namespace understudy;
using namespace understudy::test;

namespace {

// Calls check(stage) after the three endpoints told these reports, in each order, by answer or by
// visit and then answer.
void in_all_orders(std::array<PeerReport, 3> reports, const PeerReport& self,
                   const std::function<void(Stage&)>& check) {
  std::array<std::size_t, 3> order = {0, 1, 2};
  do {
    for (int visits = 0; visits < 8; ++visits) {
      Stage stage(self);
      for (const auto endpoint : order) {
        stage.now_us += 500;
        if ((visits & (1 << endpoint)) != 0) stage.view.on_visit(reports[endpoint], stage.now_us);
        stage.answer(endpoint, reports[endpoint]);
      }
      CAPTURE(order[0]);
      CAPTURE(order[1]);
      CAPTURE(visits);
      check(stage);
    }
  } while (std::ranges::next_permutation(order).found);
}

}  // namespace

TEST_CASE("no primary: none is known, and it is asked for in a hurry for as long as it takes") {
  const std::array reports = {report("a", PeerRole::standby, 1, 10),
                              report("b", PeerRole::none, 1, 10),
                              report("c", PeerRole::standby, 0, 0)};
  in_all_orders(reports, self_report(), [&](Stage& stage) {
    CHECK(stage.leader() == "");
    CHECK(stage.view.highest_epoch() == 1);
    CHECK_FALSE(stage.view.fork());
    const auto before = stage.probes[0].size();
    stage.pass(10'000'000, [&] {
      for (std::size_t i = 0; i < 3; ++i) stage.answer(i, reports[i]);
    });
    CHECK(stage.probes[0].size() - before >= 39);
  });
}

TEST_CASE("one primary: found where it answers, and asked once a second") {
  const std::array reports = {report("a", PeerRole::standby, 1, 10),
                              report("b", PeerRole::primary, 1, 10),
                              report("c", PeerRole::standby, 1, 10)};
  in_all_orders(reports, self_report(), [&](Stage& stage) {
    REQUIRE(stage.leader() == "b");
    CHECK(stage.view.primary()->endpoint == 1);
    CHECK(stage.view.endpoint_of("b") == 1);
    CHECK_FALSE(stage.view.endpoint_of("x"));
    CHECK_FALSE(stage.view.fork());
    CHECK(stage.view.peers().size() == 3);
    CHECK(stage.count(Kind::primary_found) == 1);
    const auto everybody_answers = [&] {
      for (std::size_t i = 0; i < 3; ++i) stage.answer(i, reports[i]);
    };
    stage.pass(kHurry_us + kProbeInterval_us, everybody_answers);
    const auto before = stage.probes[0].size();
    stage.pass(10'000'000, everybody_answers);
    CHECK(stage.probes[0].size() - before <= 10);
    CHECK(stage.view.take_events().empty());
  });
}

TEST_CASE("two primaries of different epochs: the higher one leads, for good") {
  const std::array reports = {report("a", PeerRole::primary, 1, 10),
                              report("b", PeerRole::primary, 2, 20),
                              report("c", PeerRole::standby, 1, 10)};
  in_all_orders(reports, self_report(), [&](Stage& stage) {
    CHECK(stage.leader() == "b");
    CHECK(stage.view.highest_epoch() == 2);
    CHECK_FALSE(stage.view.fork());  // the higher epoch decides it
    static_cast<void>(stage.view.take_events());
    stage.pass(10'000'000, [&] { stage.answer(0, reports[0]); });
    CHECK(stage.view.find("b")->is_silent);
    CHECK(stage.leader() == "");  // the old one does not lead because the new one is silent
    CHECK(stage.view.highest_epoch() == 2);
    CHECK(stage.count(Kind::primary_lost) == 1);
  });
}

TEST_CASE("two primaries of one epoch: a fork; who belongs to one of them follows only that one") {
  const std::array reports = {report("a", PeerRole::primary, 2, 21),
                              report("b", PeerRole::primary, 2, 20),
                              report("c", PeerRole::standby, 1, 10)};
  in_all_orders(reports, self_report(), [](Stage& stage) {
    CHECK(stage.leader() == "");
    CHECK(stage.view.fork() == Fork{2, "a", "b"});
    CHECK(stage.count(Kind::forked) == 1);
  });
  in_all_orders(reports, report("self", PeerRole::standby, 2, 20, 99), [](Stage& stage) {
    CHECK(stage.leader() == "b");
    CHECK(stage.view.fork());
  });
  in_all_orders(reports, report("self", PeerRole::primary, 2, 20, 99), [](Stage& stage) {
    CHECK(stage.leader() == "");
    CHECK(stage.view.fork()->node == "self");
  });
  in_all_orders(reports, report("self", PeerRole::standby, 3, 30, 99), [](Stage& stage) {
    CHECK(stage.leader() == "");
    CHECK_FALSE(stage.view.fork());
  });
}

TEST_CASE("the same tenure twice (a copied state directory) is nobody's lead either") {
  const std::array reports = {report("a", PeerRole::primary, 2, 20),
                              report("b", PeerRole::primary, 2, 20),
                              report("c", PeerRole::standby, 2, 20)};
  in_all_orders(reports, self_report(), [](Stage& stage) {
    CHECK(stage.leader() == "");
    CHECK(stage.view.fork() == Fork{2, "a", "b"});
  });
}

TEST_CASE("a fork shows even where neither opener is there, and ends with a higher epoch") {
  Stage stage(report("self", PeerRole::standby, 2, 20, 99));
  stage.answer(0, report("a", PeerRole::standby, 2, 21));
  CHECK(stage.view.fork() == Fork{2, "self", "a"});
  CHECK(stage.count(Kind::forked) == 1);
  stage.ask_and_answer(0, report("a", PeerRole::standby, 2, 21));
  CHECK(stage.count(Kind::forked) == 0);  // told once while it lasts
  stage.ask_and_answer(0, report("a", PeerRole::primary, 3, 30));
  CHECK_FALSE(stage.view.fork());
  CHECK(stage.leader() == "a");
}

TEST_CASE(
    "a peer that goes silent is asked in a hurry, told of once, and told of when it is back") {
  const auto primary = report("a", PeerRole::primary, 1, 10);
  Stage stage;
  stage.answer(0, primary);
  stage.pass(10'000'000, [&] { stage.answer(0, primary); });
  static_cast<void>(stage.view.take_events());
  const auto before = stage.probes[0].size();
  stage.pass(kPeerGone_us + kProbeInterval_us);
  CHECK(stage.probes[0].size() - before >= 8);
  CHECK(stage.leader() == "");
  auto events = stage.view.take_events();
  REQUIRE(events.size() == 2);
  CHECK((events[0].kind == Kind::silent && events[1].kind == Kind::primary_lost));
  stage.ask_and_answer(0, primary);
  CHECK(stage.leader() == "a");
  CHECK(stage.count(Kind::appeared) == 1);
}

TEST_CASE("answers that were not asked for, twice, or too late count for nothing") {
  Stage stage;
  stage.view.on_answer(0, 1, report("a", PeerRole::primary, 7, 70), stage.now_us);
  CHECK(stage.view.peers().empty());
  stage.view.on_answer(1, stage.probes[0].back(), report("a", PeerRole::primary, 7, 70),
                       stage.now_us);
  CHECK(stage.view.peers().empty());
  for (const Epoch epoch : {1, 7}) stage.answer(0, report("a", PeerRole::standby, epoch, 10));
  CHECK(stage.view.highest_epoch() == 1);
}

TEST_CASE("what a node says by itself does not undo what it has answered") {
  Stage stage;
  auto said = report("a", PeerRole::standby, 1, 10);
  said.position.seq = 68;
  stage.ask_and_answer(0, said);
  const auto asked_us = stage.now_us - 1000;
  auto late = said;
  late.position.seq = 0;  // of before it knew where it stands
  stage.view.on_visit(late, stage.now_us);
  CHECK(stage.view.find("a")->made_after_us == asked_us);
  CHECK(stage.view.find("a")->report.position.seq == 68);
  auto newer = said;
  newer.position.seq = 70;
  stage.view.on_visit(newer, stage.now_us);
  CHECK(stage.view.find("a")->made_after_us == asked_us);
  CHECK(stage.view.find("a")->report.position.seq == 70);
  stage.ask_and_answer(0, late);  // it has answered that: so it is
  CHECK(stage.view.find("a")->report.position.seq == 0);
}

TEST_CASE("a command that dies with its process: the proof is an answer to a later probe") {
  Stage stage;
  stage.answer(0, report("a", PeerRole::standby, 1, 10, 1));
  const auto commanded_us = stage.now_us += 1000;
  stage.view.on_visit(report("a", PeerRole::standby, 1, 10, 2), stage.now_us += 1000);
  CHECK(stage.view.find("a")->made_after_us < commanded_us);
  stage.ask_and_answer(0, report("a", PeerRole::standby, 1, 10, 2));
  CHECK(stage.view.find("a")->made_after_us > commanded_us);
}

TEST_CASE("whoever visits, memory is bounded, and the silent make room") {
  Stage stage;
  const auto visit = [&](int number) {
    stage.view.on_visit(report(std::to_string(number), PeerRole::standby, 1, 10), stage.now_us);
  };
  for (int i = 0; i < 1000; ++i) visit(i);
  CHECK(stage.view.peers().size() == kKnownPeersLimit);
  CHECK_FALSE(stage.view.find("999"));
  stage.pass(2 * kPeerGone_us);
  visit(999);
  CHECK(stage.view.find("999"));
  CHECK(stage.view.peers().size() == kKnownPeersLimit);
  stage.view.on_visit(report("", PeerRole::primary, 9, 90), stage.now_us);
  CHECK(stage.leader() == "");
}

TEST_CASE("a change of this node's own role, or of a peer's, makes it hurry") {
  const auto primary = report("a", PeerRole::primary, 1, 10);
  Stage stage;
  stage.answer(0, primary);
  const auto settle = [&](const PeerReport& said) {
    stage.pass(10'000'000, [&] { stage.answer(0, said); });
  };
  settle(primary);
  auto self = self_report();
  self.is_fenced = true;
  stage.view.on_self(self, stage.now_us);
  CHECK(stage.view.next_tick_us() <= stage.now_us + kHurriedInterval_us);
  settle(primary);
  auto about = primary;
  about.takeover_id = 4;
  stage.view.on_visit(about, stage.now_us);
  CHECK(stage.view.next_tick_us() <= stage.now_us + kHurriedInterval_us);
}

TEST_CASE("every event is a sentence") {
  for (int kind = 0; kind <= static_cast<int>(Kind::foreign_stream); ++kind) {
    CHECK(to_string(PeerEvent{static_cast<Kind>(kind), "west", 3, "east", {}}).size() > 15);
  }
}

TEST_CASE("another stream is told of once, and never considered") {
  auto foreign = report("a", PeerRole::primary, 9, 90);
  foreign.stream = stream_id(1);
  const std::array reports = {foreign, report("b", PeerRole::primary, 1, 10),
                              report("c", PeerRole::standby, 1, 10)};
  in_all_orders(reports, self_report(), [](Stage& stage) {
    CHECK(stage.leader() == "b");
    CHECK(stage.view.highest_epoch() == 1);
    CHECK_FALSE(stage.view.fork());
    CHECK_FALSE(stage.view.find("a")->is_of_stream);
    CHECK(stage.count(Kind::foreign_stream) == 1);
  });
}
