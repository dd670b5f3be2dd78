// The table of starts: what the disk says goes before what the command says.
#include "takeover/start_role.h"

#include <doctest/doctest.h>

namespace understudy::test {
namespace {

History history(std::initializer_list<const char*> nodes) {
  History result;
  for (const char* node : nodes) {
    EpochStart start;
    start.epoch = result.size() + 1;
    start.node = node;
    start.first_seq = 10 * result.size() + 1;
    result.push_back(start);
  }
  return result;
}

StartRole start(StartFacts facts) {
  facts.node = "a";
  return decide_start(facts).role;
}

}  // namespace

TEST_CASE("a node without state does what the command says, unless a peer has the database") {
  CHECK(start({.asked = NodeRole::primary}) == StartRole::primary);
  CHECK(start({.asked = NodeRole::standby}) == StartRole::standby);
  CHECK(start({.asked = NodeRole::primary, .peers_epoch = 1}) == StartRole::standby);
  CHECK(start({.asked = NodeRole::standby, .peers_epoch = 1}) == StartRole::standby);
}

TEST_CASE("the last epoch of the log says who leads, whatever the command is") {
  for (const auto asked : {NodeRole::primary, NodeRole::standby}) {
    CHECK(start({.asked = asked, .history = history({"a"})}) == StartRole::primary);
    CHECK(start({.asked = asked, .history = history({"b", "a"})}) == StartRole::primary);
    CHECK(start({.asked = asked, .history = history({"a", "b"})}) == StartRole::standby);
  }
}

TEST_CASE("who stood down from an epoch does not lead it again") {
  CHECK(start({.history = history({"b", "a"}), .demoted_from = 2}) == StartRole::standby);
  CHECK(start({.history = history({"b", "a"}), .demoted_from = 1}) == StartRole::primary);
}

TEST_CASE("a higher epoch at a peer makes a standby, a lower or the same one does not") {
  CHECK(start({.history = history({"a"}), .peers_epoch = 2}) == StartRole::standby);
  CHECK(start({.history = history({"a"}), .peers_epoch = 1}) == StartRole::primary);
  CHECK(start({.history = history({"b", "a"}), .peers_epoch = 1}) == StartRole::primary);
}

TEST_CASE("what an application may have written since is drained before a node follows") {
  CHECK(start({.history = history({"a"}), .has_cursor = true, .peers_epoch = 2}) ==
        StartRole::drain_then_standby);
  CHECK(start({.history = history({"a"}), .demoted_from = 1, .has_cursor = true}) ==
        StartRole::drain_then_standby);
  CHECK(start({.history = history({"a"}), .has_cursor = true}) == StartRole::primary);
}

TEST_CASE("with a lease: only where the store's word and the log agree") {
  StartFacts facts;
  facts.node = "a";
  EpochStart opening;
  opening.epoch = 3;
  opening.node = "a";
  facts.history = {opening};
  facts.recorded = NodeRole::primary;
  facts.lease = StartFacts::Lease{.answers = true, .holder = "a", .epoch = 3};
  CHECK(decide_start(facts).role == StartRole::primary);
  facts.lease->holder = "b";
  CHECK(decide_start(facts).role == StartRole::standby);
  facts.has_cursor = true;
  CHECK(decide_start(facts).role == StartRole::drain_then_standby);
  facts.lease = StartFacts::Lease{.answers = true, .holder = "a", .epoch = 4};
  CHECK(decide_start(facts).role == StartRole::drain_then_standby);
  facts.lease = StartFacts::Lease{.answers = true};
  CHECK(decide_start(facts).role == StartRole::primary);
  facts.lease = StartFacts::Lease{};
  CHECK(decide_start(facts).role == StartRole::drain_then_standby);
  facts.lease = StartFacts::Lease{.answers = true, .holder = "a", .epoch = 3};
  facts.peers_epoch = 4;
  CHECK(decide_start(facts).role == StartRole::drain_then_standby);
}

TEST_CASE("with a lease, and no state: a new stream only where nobody ever led") {
  StartFacts facts;
  facts.node = "a";
  facts.asked = NodeRole::primary;
  facts.lease = StartFacts::Lease{.answers = true};
  CHECK(decide_start(facts).role == StartRole::primary);
  for (const char* holder : {"a", "b"}) {
    facts.lease = StartFacts::Lease{.answers = true, .holder = holder, .epoch = 1};
    CHECK(decide_start(facts).role == StartRole::standby);
  }
}

TEST_CASE("a first start that ended before there was a stream goes on as what it was") {
  StartFacts facts;
  facts.node = "a";
  facts.asked = NodeRole::primary;
  facts.lease = StartFacts::Lease{.answers = true, .holder = "a", .epoch = 1, .has_led = false};
  CHECK(decide_start(facts).role == StartRole::primary);
  facts.asked = NodeRole::standby;
  CHECK(decide_start(facts).role == StartRole::standby);
  facts.asked = NodeRole::primary;
  facts.lease->has_led = true;  // its stream is somewhere
  CHECK(decide_start(facts).role == StartRole::standby);
  facts.lease->has_led = false;
  facts.lease->holder = "b";
  CHECK(decide_start(facts).role == StartRole::standby);
  facts.lease->holder = "a";
  facts.peers_epoch = 1;
  CHECK(decide_start(facts).role == StartRole::standby);
}

TEST_CASE("a log that began as a copy leads nothing by the name that stands in it") {
  StartFacts facts;
  facts.node = "a";
  EpochStart opening;
  opening.epoch = 3;
  opening.node = "a";
  facts.history = {opening};
  facts.recorded = NodeRole::standby;
  facts.is_copied = true;
  CHECK(decide_start(facts).role == StartRole::standby);
}

}  // namespace understudy::test
