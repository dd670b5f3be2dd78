// Who may take over, and who comes first: over the space of what a node can be.
#include "lease/election.h"

#include "tests/lease/keeper_stage.h"

#include <doctest/doctest.h>

namespace understudy::test {
namespace {

MemberRecord member(const std::string& node, Epoch epoch, Seq seq, std::int64_t priority = 0) {
  MemberRecord record;
  record.node = node;
  record.role = "standby";
  record.epoch = epoch;
  record.seq = seq;
  record.priority = priority;
  return record;
}

}  // namespace

TEST_CASE("a healthy standby that was listed and is not behind may take over") {
  const auto record = record_of("a", 1);
  CHECK(refusal_of(rules_of("b"), standby_at(1, 100), &record).empty());
  auto was_streaming = standby_at(1, 100);
  was_streaming.state = NodeState::connecting;
  CHECK(refusal_of(rules_of("b"), was_streaming, &record).empty());
}

TEST_CASE("whatever is wrong with a node is said") {
  const auto record = record_of("a", 1);
  const auto healthy = standby_at(1, 100);
  CHECK(refusal_of(rules_of("b"), healthy, nullptr) == "nobody has led yet");
  auto tagged = rules_of("b");
  tagged.nofailover = true;
  CHECK(refusal_of(tagged, healthy, &record) == "it is tagged nofailover");
  CHECK(refusal_of(rules_of("stranger"), healthy, &record).starts_with("the last primary did not"));
  for (const auto state : {NodeState::starting, NodeState::resyncing, NodeState::failed,
                           NodeState::scanning, NodeState::stopped}) {
    auto facts = healthy;
    facts.state = state;
    CHECK(!refusal_of(rules_of("b"), facts, &record).empty());
  }
  auto empty = healthy;
  empty.has_state = false;
  CHECK(!refusal_of(rules_of("b"), empty, &record).empty());
  auto deaf = healthy;
  deaf.listens = false;
  CHECK(!refusal_of(rules_of("b"), deaf, &record).empty());
  CHECK(!refusal_of(rules_of("b"), primary_at(1, 100), &record).empty());
  auto of_other_stream = record;
  of_other_stream.stream.bytes.fill(9);
  CHECK(!refusal_of(rules_of("b"), healthy, &of_other_stream).empty());
}

TEST_CASE("lag: up to the limit, and not in an earlier epoch") {
  const auto record = record_of("a", 2, 1000);
  auto rules = rules_of("b");
  rules.max_lag = 10;
  CHECK(refusal_of(rules, standby_at(2, 990), &record).empty());
  CHECK(!refusal_of(rules, standby_at(2, 989), &record).empty());
  CHECK(refusal_of(rules, standby_at(2, 2000), &record).empty());
  CHECK(!refusal_of(rules, standby_at(1, 2000), &record).empty());
  CHECK(refusal_of(rules, standby_at(3, 1), &record).empty());
}

TEST_CASE("commits that wait: only who is on record as synced, or led last by its own log") {
  auto record = record_of("a", 1);
  record.sync = SyncRecord{1, {"b"}, false};
  CHECK(refusal_of(rules_of("b"), standby_at(1, 100), &record).empty());
  CHECK(!refusal_of(rules_of("c"), standby_at(1, 5000), &record).empty());
  auto former = standby_at(1, 100);
  CHECK(!refusal_of(rules_of("a"), former, &record).empty());  // of that name, with another log
  former.led_epoch = 1;
  CHECK(refusal_of(rules_of("a"), former, &record).empty());
  former.is_copied = true;
  CHECK(!refusal_of(rules_of("a"), former, &record).empty());
  auto reborn = standby_at(1, 100);
  reborn.is_copied = true;
  CHECK(!refusal_of(rules_of("b"), reborn, &record).empty());
  record.sync->members.clear();
  CHECK(!refusal_of(rules_of("b"), standby_at(1, 100), &record).empty());
  record.sync->is_degraded = true;
  CHECK(refusal_of(rules_of("c"), standby_at(1, 100), &record).empty());
  CHECK(refusal_of(rules_of("b"), reborn, &record).empty());
}

TEST_CASE("an epoch that others have not heard of: what they share is all up to where it began") {
  auto record = record_of("a", 8, 1000);
  record.position_first = 981;
  record.position_after = 7;
  auto rules = rules_of("b");
  rules.max_lag = 20;
  CHECK(refusal_of(rules, standby_at(7, 980), &record).empty());
  CHECK(refusal_of(rules, standby_at(7, 990), &record).empty());  // ten of them are its own
  CHECK(!refusal_of(rules, standby_at(7, 979), &record).empty());
  CHECK(!refusal_of(rules, standby_at(6, 980), &record).empty());
  rules.max_lag = 19;
  CHECK(!refusal_of(rules, standby_at(7, 990), &record).empty());
}

TEST_CASE("degraded: who has all that commits were told others have may take over, nobody else") {
  auto record = record_of("a", 1, 1000);
  record.sync = SyncRecord{1, {"b"}, true, 400};
  auto rules = rules_of("c");
  CHECK(refusal_of(rules, standby_at(1, 400), &record).empty());
  CHECK(!refusal_of(rules, standby_at(1, 399), &record).empty());
  record.position_first = 301;
  record.position_after = 0;
  record.position_epoch = 2;
  CHECK(!refusal_of(rules, standby_at(0, 900), &record).empty());
  record.position_after = 1;
  CHECK(
      !refusal_of(rules, standby_at(1, 900), &record).empty());  // 301 to 400 are of the later one
  record.sync->acknowledged = 300;
  CHECK(refusal_of(rules, standby_at(1, 900), &record).empty());
}

TEST_CASE("of those on record as synced, one that was set back lacks something") {
  auto record = record_of("a", 1, 1000);
  record.sync = SyncRecord{1, {"b"}, false, 400};
  CHECK(refusal_of(rules_of("b"), standby_at(1, 400), &record).empty());
  CHECK(!refusal_of(rules_of("b"), standby_at(1, 399), &record).empty());
}

TEST_CASE("the furthest comes first, then the highest priority, then the name") {
  CHECK(is_better(member("b", 1, 101), member("a", 1, 100, 9)));
  CHECK(is_better(member("b", 2, 1), member("a", 1, 100)));
  CHECK(is_better(member("b", 1, 100, 1), member("a", 1, 100)));
  CHECK(is_better(member("a", 1, 100), member("b", 1, 100)));
  CHECK(!is_better(member("a", 1, 100), member("a", 1, 100)));
}

TEST_CASE("an order: of any two different ones exactly one is better, and it is transitive") {
  std::vector<MemberRecord> all;
  for (const char* node : {"a", "b", "c"}) {
    for (Epoch epoch = 1; epoch <= 2; ++epoch) {
      for (Seq seq = 1; seq <= 2; ++seq) {
        for (std::int64_t priority = -1; priority <= 1; ++priority) {
          all.push_back(member(node, epoch, seq, priority));
        }
      }
    }
  }
  for (const auto& a : all) {
    for (const auto& b : all) {
      CHECK_EQ(is_better(a, b) != is_better(b, a), !(a == b));
      for (const auto& c : all) {
        if (is_better(a, b) && is_better(b, c)) CHECK(is_better(a, c));
      }
    }
  }
}

TEST_CASE("rank: those that are better, standby, and would take over") {
  const auto self = member("b", 1, 100);
  auto refusing = member("a", 1, 200);
  refusing.refusal = "it is tagged nofailover";
  auto leading = member("d", 1, 200);
  leading.role = "primary";
  CHECK(rank_of(self, {self, refusing, leading}) == 0);
  CHECK(rank_of(self, {self, refusing, leading, member("c", 1, 101), member("a", 1, 100)}) == 2);
}

}  // namespace understudy::test
