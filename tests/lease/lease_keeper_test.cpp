// The keeper without the lease: watching, taking it, promises, what a start does.
#include "tests/lease/keeper_stage.h"

#include <doctest/doctest.h>

namespace understudy::test {
namespace {

Stage standby(const std::string& node, Seq seq = 100) {
  Stage stage(rules_of(node));
  stage.keeper.on_facts(standby_at(1, seq));
  stage.put(record_of("a", 1));
  stage.step();
  return stage;
}

MemberRecord rival(const std::string& node, Seq seq) {
  MemberRecord record;
  record.node = node;
  record.role = "standby";
  record.epoch = 1;
  record.seq = seq;
  return record;
}

}  // namespace

TEST_CASE("the lease is taken once its record is a ttl old, by this node's sight of it") {
  auto stage = standby("b");
  const auto seen_us = stage.now_us;
  while (!stage.has<lease::Swap>() && stage.now_us < 20 * kSecond_us) {
    stage.step();
    stage.now_us += 50'000;
  }
  CHECK(stage.now_us - seen_us >= kTtl_us);
  CHECK(stage.now_us - seen_us <= kTtl_us + kSecond_us);
  REQUIRE(stage.has<lease::Lead>());
  CHECK(stage.last<lease::Lead>()->epoch == 2);
  CHECK(stage.keeper.holds());
  CHECK(stage.keeper.may_write(stage.now_us));
}

TEST_CASE("renewals of the holder put it off, however often") {
  auto stage = standby("b");
  for (int i = 0; i < 20; ++i) {
    stage.run(kTtl_us / 3);
    auto record = stage.view.leader->value;
    ++record.renewals;
    stage.put(record);
  }
  CHECK(!stage.has<lease::Swap>());
}

TEST_CASE("who is behind another one waits its turn, and takes it when that one does not") {
  auto stage = standby("b", 100);
  stage.put(rival("c", 200));
  const auto seen_us = stage.now_us;
  for (int i = 0; !stage.has<lease::Swap>() && i < 1000; ++i) {
    stage.put(rival("c", 200));  // it lives
    stage.step();
    stage.now_us += 50'000;
  }
  CHECK(stage.now_us - seen_us >= kTtl_us + rules_of("b").step());
  CHECK(stage.keeper.holds());
}

TEST_CASE("a rival that has been silent for a ttl is not waited for") {
  auto stage = standby("b", 100);
  stage.put(rival("c", 200));
  const auto seen_us = stage.now_us;
  stage.run(kTtl_us + 2 * rules_of("b").poll());
  CHECK(stage.keeper.holds());
  CHECK(stage.now_us - seen_us < kTtl_us + rules_of("b").step() + 2 * rules_of("b").poll());
}

TEST_CASE("who is not eligible says why, once, and stands back") {
  auto stage = Stage(rules_of("b"));
  auto facts = standby_at(1, 100);
  facts.state = NodeState::resyncing;
  stage.keeper.on_facts(facts);
  stage.put(record_of("a", 1));
  stage.run(3 * kTtl_us);
  CHECK(!stage.has<lease::Swap>());
  CHECK(stage.has_said("lease_not_taken"));
  CHECK(stage.count<lease::Say>() == 1);
  const auto warnings = stage.keeper.warnings(stage.now_us);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings.front().find("resyncing") != std::string::npos);
}

TEST_CASE("paused: nobody takes over; after it only what the holder knew of counts") {
  auto stage = standby("b");
  stage.view.is_paused = true;
  stage.run(3 * kTtl_us);
  CHECK(!stage.has<lease::Swap>());
  auto paused = record_of("a", 1);
  paused.is_paused = true;
  stage.put(paused);
  stage.view.is_paused = false;
  stage.run(3 * kTtl_us);
  CHECK(!stage.has<lease::Swap>());  // the holder may write on without the store
  const auto objections = stage.keeper.object_to_taking(stage.now_us);
  REQUIRE(objections.size() == 1);
  CHECK(objections.front().can_be_forced);
  stage.keeper.take("promote --force");
  stage.step();
  CHECK(stage.keeper.holds());
}

TEST_CASE("an offer is taken at once by whom it was made to, and by no other run of it") {
  auto stage = standby("b", 90);
  auto offer = record_of("b", 2);
  offer.process = rules_of("b").process;
  offer.is_offered = true;
  offer.led_node = "a";
  offer.led_epoch = 1;
  stage.put(offer);
  stage.run(2 * rules_of("b").poll());
  REQUIRE(stage.has<lease::Lead>());
  CHECK(stage.last<lease::Lead>()->epoch == 2);
  CHECK(stage.last<lease::Lead>()->at_least == 100);
  auto other = standby("c");
  other.put(offer);
  other.run(kTtl_us - kSecond_us);
  CHECK(!other.has<lease::Swap>());
}

TEST_CASE("what was given back is taken without waiting") {
  auto stage = standby("b");
  auto record = stage.view.leader->value;
  record.is_released = true;
  stage.put(record);
  stage.run(3 * rules_of("b").poll());
  CHECK(stage.keeper.holds());
}

TEST_CASE("a swap that another one overtook changes nothing here") {
  auto stage = standby("b");
  stage.run(kTtl_us - 100'000);
  auto taken = record_of("c", 2);
  // Between b's last look and its swap.
  const auto before = stage.view;
  for (int i = 0; i < 40 && !stage.has<lease::Swap>(); ++i) {
    stage.keeper.tick(stage.now_us);
    for (const auto& action : stage.keeper.take_actions()) {
      stage.seen.push_back(action);
      if (std::holds_alternative<lease::Observe>(action)) {
        stage.keeper.on_view(before, stage.now_us, stage.now_us);
      }
      if (const auto* swap = std::get_if<lease::Swap>(&action)) {
        stage.put(taken);
        stage.keeper.on_swapped(stage.carry_out(*swap), stage.now_us);
      }
    }
    stage.now_us += 50'000;
  }
  REQUIRE(stage.has<lease::Swap>());
  CHECK(!stage.keeper.holds());
  CHECK(!stage.has<lease::Lead>());
}

TEST_CASE("a promise to stay is kept, and not given while an acquisition may happen") {
  auto stage = standby("b");
  const lease::StayRequest request{"a", 77, 1, kTtl_us};
  stage.run(kTtl_us - 200'000);
  CHECK(stage.keeper.on_stay_request(request, stage.now_us));
  const auto promised_us = stage.now_us + kTtl_us;
  while (stage.now_us < promised_us) {
    stage.step();
    CHECK(!stage.has<lease::Swap>());
    stage.now_us += 50'000;
  }
  stage.store_answers = false;
  stage.step();
  stage.store_answers = true;
  stage.run(kSecond_us);
  REQUIRE(stage.has<lease::Swap>());
  CHECK(!stage.keeper.on_stay_request(request, stage.now_us));

  auto doubtful = standby("b");
  doubtful.run(kTtl_us - 300'000);
  doubtful.store_answers = false;
  // Its last look was fresh enough to try, or it never does: then it may promise.
  doubtful.run(kSecond_us);
  CHECK(doubtful.keeper.on_stay_request(request, doubtful.now_us) != doubtful.has<lease::Swap>());
}

TEST_CASE("a promise is not given to one that is not on record as the holder") {
  auto stage = standby("b");
  CHECK(!stage.keeper.on_stay_request({"c", 77, 1, kTtl_us}, stage.now_us));
  CHECK(!stage.keeper.on_stay_request({"a", 78, 1, kTtl_us}, stage.now_us));
  CHECK(!stage.keeper.on_stay_request({"a", 77, 2, kTtl_us}, stage.now_us));
  CHECK(stage.keeper.on_stay_request({"a", 77, 1, kTtl_us}, stage.now_us));
  Stage blind(rules_of("b"));
  CHECK(blind.keeper.on_stay_request({"a", 77, 1, kTtl_us}, blind.now_us));
}

TEST_CASE("a start: goes on where its log ends, waits where a record may have been removed") {
  Stage again(rules_of("a", 5));
  again.keeper.on_facts(starting_at(3, 10));
  again.put(record_of("a", 3));
  again.keeper.claim(3);
  again.step();
  CHECK(again.keeper.holds());
  CHECK(again.keeper.held_epoch() == 3);
  CHECK(!again.has<lease::Lead>());

  Stage replaced(rules_of("a", 5));
  replaced.put(record_of("b", 4));
  replaced.keeper.claim(3);
  replaced.step();
  CHECK(!replaced.keeper.holds());
  CHECK(!replaced.keeper.is_claiming());

  Stage unopened(rules_of("a", 5));
  unopened.put(record_of("a", 4));
  unopened.keeper.claim(3);
  unopened.step();
  CHECK(!unopened.keeper.holds());

  Stage removed(rules_of("a", 5));
  removed.keeper.on_facts(starting_at(3, 10));
  removed.keeper.claim(3);
  removed.run(kTtl_us - kSecond_us);
  CHECK(!removed.keeper.holds());
  removed.run(2 * kSecond_us);
  CHECK(removed.keeper.holds());

  Stage fresh(rules_of("a", 5));
  fresh.keeper.claim(1);
  fresh.step();
  CHECK(fresh.keeper.holds());
}

TEST_CASE("a copy is proved by the second renewal that it has all of") {
  auto stage = Stage(rules_of("b"));
  auto facts = standby_at(1, 100);
  facts.is_copied = true;
  stage.keeper.on_facts(facts);
  stage.put(record_of("a", 1, 100));
  stage.run(kSecond_us);
  CHECK(!stage.has<lease::Proved>());
  stage.put(record_of("a", 1, 100));
  stage.run(kSecond_us);
  CHECK(!stage.has<lease::Proved>());
  stage.put(record_of("a", 1, 101));
  stage.run(kSecond_us);
  CHECK(!stage.has<lease::Proved>());  // it lacks one
  facts.durable = 101;
  stage.keeper.on_facts(facts);
  stage.step();
  CHECK(stage.has<lease::Proved>());
}

TEST_CASE("positions are published as they move, and often once the holder is late") {
  auto stage = standby("b");
  stage.seen.clear();
  Seq seq = 100;
  const auto run_moving = [&](std::int64_t for_us) {
    const auto before = stage.count<lease::Publish>();
    for (const auto until = stage.now_us + for_us; stage.now_us < until;) {
      stage.keeper.on_facts(standby_at(1, ++seq));
      stage.step();
      stage.now_us += 50'000;
    }
    return stage.count<lease::Publish>() - before;
  };
  const auto calm = run_moving(kTtl_us / 2);
  const auto late = run_moving(kTtl_us / 2 - 100'000);
  CHECK(calm >= 2);
  CHECK(late > 2 * calm);
}

}  // namespace understudy::test
