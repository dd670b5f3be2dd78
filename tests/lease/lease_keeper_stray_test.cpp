// The keeper in states that should not last: a lease that nobody uses, a record that is gone, a
// store that was restored, another machine of this name.
#include "tests/lease/keeper_stage.h"

#include <doctest/doctest.h>

namespace understudy::test {

TEST_CASE("a claim that succeeds after it was given up is given back") {
  Stage stage(rules_of("a"));
  auto facts = starting_at(1, 100);
  stage.keeper.on_facts(facts);
  stage.put(record_of("a", 1));
  stage.keeper.tick(stage.now_us);
  stage.keeper.on_view(stage.view, stage.now_us, stage.now_us);
  (void)stage.keeper.take_actions();
  stage.keeper.claim(1);
  stage.keeper.tick(stage.now_us);
  const auto actions = stage.keeper.take_actions();
  const auto swap = std::ranges::find_if(
      actions, [](const auto& action) { return std::holds_alternative<lease::Swap>(action); });
  REQUIRE(swap != actions.end());
  stage.keeper.give_up_claim();
  facts.role = NodeRole::standby;
  stage.keeper.on_facts(facts);
  stage.keeper.on_swapped(stage.carry_out(std::get<lease::Swap>(*swap)), stage.now_us);
  stage.run(kSecond_us);
  CHECK(!stage.keeper.holds());
  CHECK(stage.view.leader->value.is_released);
}

TEST_CASE("a primary that follows now gives the lease back") {
  auto stage = holder();
  stage.keeper.on_facts(standby_at(2, 100));  // it heard of a higher epoch
  stage.run(kSecond_us);
  CHECK(!stage.keeper.holds());
  CHECK(stage.view.leader->value.is_released);
}

TEST_CASE("one that took the lease keeps it while it comes to lead") {
  Stage stage(rules_of("b"));
  stage.keeper.on_facts(standby_at(1, 100));
  stage.put(record_of("a", 1));
  while (!stage.keeper.holds() && stage.now_us < 20 * kSecond_us) stage.run(50'000);
  REQUIRE(stage.keeper.holds());
  stage.run(kSecond_us);  // still a standby, that drains
  CHECK(stage.keeper.holds());
  CHECK(!stage.view.leader->value.is_released);
}

TEST_CASE("a primary without the lease is told to stand down until it does") {
  auto stage = holder();
  stage.put(record_of("b", 2));
  stage.run(2 * kSecond_us);
  CHECK(!stage.keeper.holds());
  CHECK(stage.count<lease::StandDown>() > 2);
  stage.keeper.on_facts(standby_at(2, 100));
  stage.step();
  stage.seen.clear();
  stage.run(2 * kSecond_us);
  CHECK(!stage.has<lease::StandDown>());
}

TEST_CASE("a record that is gone: taking by hand waits a ttl, force or not") {
  Stage stage(rules_of("b"));
  stage.keeper.on_facts(standby_at(1, 100));
  stage.put(record_of("a", 1));
  stage.run(kTtl_us / 2);
  stage.view.leader.reset();
  ++stage.view.revision;
  stage.run(kSecond_us);
  const auto gone_us = stage.now_us;
  const auto objections = stage.keeper.object_to_taking(stage.now_us);
  REQUIRE(objections.size() == 1);
  CHECK(!objections.front().can_be_forced);
  stage.keeper.take("promote --force");
  while (!stage.keeper.holds() && stage.now_us < 30 * kSecond_us) stage.run(50'000);
  CHECK(stage.now_us - gone_us >= kTtl_us - kSecond_us - rules_of("b").poll());
  CHECK(stage.keeper.holds());
}

TEST_CASE("the record of another machine of this name is not this node's own") {
  Stage stage(rules_of("a"));
  stage.keeper.on_facts(standby_at(1, 100));
  auto record = record_of("a", 1);
  stage.put(record);
  stage.step();
  ++record.renewals;  // it lives, and is not this run
  stage.put(record);
  stage.seen.clear();
  stage.run(kTtl_us / 2);
  CHECK(!stage.has<lease::Swap>());
  stage.run(kTtl_us);
  CHECK(stage.keeper.holds());
}

TEST_CASE("the record of an earlier run of this node is its own, and taken at once") {
  Stage stage(rules_of("a"));
  stage.keeper.on_facts(standby_at(1, 100));
  stage.put(record_of("a", 1));
  stage.run(kSecond_us);
  CHECK(stage.keeper.holds());
}

TEST_CASE("a store that was restored is heard, and told of") {
  auto stage = holder();
  const auto before = stage.view;
  stage.run(kTtl_us);
  stage.view = before;  // an older state of it
  stage.view.revision = 3;
  stage.view.leader->revision = 2;
  stage.run(kTtl_us);
  CHECK(stage.has_said("lease_store_restored"));
  CHECK(stage.keeper.holds());
  CHECK(stage.keeper.may_write(stage.now_us));
  CHECK(stage.view.leader->value.renewals > before.leader->value.renewals);
}

TEST_CASE("a node that left long ago is not listed by a new run, until it is heard of") {
  Stage stage(rules_of("a", 5));
  stage.keeper.on_facts(starting_at(1, 100));
  auto record = record_of("a", 1);
  record.members = {"a", "b"};
  stage.put(record);
  for (const char* node : {"b", "departed"}) {
    MemberRecord member;
    member.node = node;
    stage.put(member);
  }
  stage.keeper.claim(1);
  stage.step();
  stage.keeper.on_facts(primary_at(1, 100));
  stage.run(kTtl_us);
  CHECK(stage.view.leader->value.members == std::vector<std::string>{"a", "b"});
  MemberRecord back;
  back.node = "departed";
  stage.put(back);
  stage.run(kSecond_us);
  CHECK(stage.view.leader->value.members == std::vector<std::string>{"a", "b", "departed"});
}

TEST_CASE("the holder's own objection to taking it says that it has it") {
  auto stage = holder();
  const auto objections = stage.keeper.object_to_taking(stage.now_us);
  REQUIRE(objections.size() == 1);
  CHECK(objections.front().text == "this node holds the lease already");
}

}  // namespace understudy::test
