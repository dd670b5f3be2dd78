// Who is who: names, processes, streams and endpoints, as a PeerView tells them apart.
#include "tests/cluster/peer_view_stage.h"

#include <doctest/doctest.h>

using namespace understudy;
using namespace understudy::test;

TEST_CASE("a node without a stream takes any; once it has one, the others are out") {
  auto other = report("a", PeerRole::primary, 9, 90);
  other.stream = stream_id(1);
  auto self = report("self", PeerRole::standby, 0, 0, 99);
  self.stream = {};
  Stage stage(self);
  stage.answer(0, other);
  CHECK(stage.leader() == "a");
  self.stream = stream_id();
  stage.view.on_self(self, stage.now_us);
  CHECK(stage.view.highest_epoch() == 0);
  CHECK(stage.count(Kind::foreign_stream) == 1);
  stage.ask_and_answer(2, report("c", PeerRole::primary, 3, 30));
  CHECK(stage.count(Kind::epoch_rose) == 1);  // the foreign 9 counts for nothing
  // And a peer that has none is nobody's primary.
  auto empty = report("b", PeerRole::primary, 9, 90);
  empty.stream = {};
  stage.answer(1, empty);
  CHECK(stage.leader() == "c");
  CHECK(stage.view.highest_epoch() == 3);
}

TEST_CASE("the own endpoint is recognised by name and process, and left alone") {
  Stage stage;
  stage.answer(2, self_report());
  CHECK(stage.view.is_own(2));
  CHECK(stage.view.peers().empty());
  const auto before = stage.probes[2].size();
  stage.pass(5'000'000);
  CHECK(stage.probes[2].size() == before);
  CHECK(stage.probes[1].size() > before);
  stage.view.on_visit(self_report(), stage.now_us);
  CHECK(stage.view.peers().empty());
}

TEST_CASE("another process with this node's name is told of and is not this node") {
  Stage stage;
  stage.answer(1, report("self", PeerRole::primary, 5, 50, 98));
  CHECK_FALSE(stage.view.is_own(1));
  CHECK(stage.leader() == "");
  CHECK(stage.count(Kind::name_shared) == 1);
  stage.ask_and_answer(1, report("self", PeerRole::primary, 5, 50, 98));
  CHECK(stage.count(Kind::name_shared) == 0);
}

TEST_CASE("a restart is seen; the former process does not come back by a late word") {
  const auto first = report("a", PeerRole::primary, 1, 10, 1);
  const auto second = report("a", PeerRole::standby, 1, 10, 2);
  Stage stage;
  stage.answer(0, first);
  stage.now_us += 1000;
  stage.ask();
  const auto late_probe = stage.probes[0].back();
  stage.now_us += 1000;
  stage.view.on_visit(second, stage.now_us);
  CHECK(stage.count(Kind::restarted) == 1);
  CHECK(stage.leader() == "");
  CHECK(stage.view.find("a")->made_after_us == 0);

  stage.view.on_visit(first, stage.now_us + 1);
  stage.view.on_answer(0, late_probe, first, stage.now_us + 2);  // asked before the restart
  CHECK(stage.view.find("a")->report.process == 2);
  CHECK_FALSE(stage.view.find("a")->shares_name);

  stage.ask_and_answer(0, second);
  CHECK(stage.view.find("a")->made_after_us == stage.now_us - 1000);
  CHECK(stage.view.take_events().empty());
}

TEST_CASE("two that live under one name: told of, neither leads, and it heals when one is gone") {
  const auto first = report("a", PeerRole::primary, 1, 10, 1);
  const auto second = report("a", PeerRole::standby, 1, 10, 2);
  Stage stage;
  stage.answer(0, first);
  stage.ask_and_answer(1, second);
  stage.ask_and_answer(0, first);
  CHECK(stage.view.find("a")->shares_name);
  CHECK(stage.leader() == "");
  CHECK(stage.count(Kind::name_shared) == 1);
  stage.pass(kNameClashMemory_us + kPeerGone_us, [&] { stage.answer(0, first); });
  CHECK(stage.leader() == "a");
  CHECK(stage.view.primary()->endpoint == 0);
}

TEST_CASE("an endpoint may come to lead to another node") {
  Stage stage;
  stage.answer(0, report("a", PeerRole::primary, 1, 10));
  stage.ask_and_answer(0, report("b", PeerRole::standby, 1, 10));
  CHECK(stage.view.endpoint_of("b") == 0);
  CHECK_FALSE(stage.view.endpoint_of("a"));
}
