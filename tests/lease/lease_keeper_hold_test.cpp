// The keeper with the lease: renewing, fencing in time, promises of others, handing over.
#include "tests/lease/keeper_stage.h"

#include <doctest/doctest.h>

namespace understudy::test {

namespace {

// It has renewed for a while beside b; from here on the store does not answer.
Stage holder_without_store() {
  auto stage = holder();
  MemberRecord b;
  b.node = "b";
  stage.put(b);
  stage.run(kTtl_us);
  stage.seen.clear();
  stage.store_answers = false;
  return stage;
}

}  // namespace

TEST_CASE("it renews each third of a ttl, and a short outage disturbs nothing") {
  auto stage = holder();
  stage.run(4 * kTtl_us);
  CHECK(stage.count<lease::Swap>() >= 11);
  CHECK(stage.count<lease::Swap>() <= 13);
  stage.store_answers = false;
  stage.run(kTtl_us / 3);
  stage.store_answers = true;
  stage.run(kTtl_us);
  CHECK(!stage.has<lease::Fence>());
  CHECK(!stage.has<lease::StandDown>());
}

TEST_CASE("without the store and without peers: fenced before the deadline less the margin") {
  auto stage = holder();
  stage.run(kTtl_us / 3 - 50'000);
  stage.store_answers = false;
  const auto margin_us = rules_of("a").margin();
  while (stage.keeper.holds()) {
    const bool is_late = stage.now_us >= stage.keeper.deadline_us() - margin_us;
    stage.step();
    if (is_late) {
      CHECK(stage.has<lease::Fence>());
      CHECK(!stage.keeper.may_write(stage.now_us));
    }
    stage.now_us += 50'000;
    REQUIRE(stage.now_us < 60 * kSecond_us);
  }
  CHECK(stage.has<lease::StandDown>());
  CHECK(stage.now_us <= stage.keeper.deadline_us() + 100'000);
  CHECK(stage.has<lease::Alarm>());  // nobody said that the fence is held
}

TEST_CASE("the deadline counts from before the renewal was sent") {
  auto stage = holder();
  const auto before = stage.keeper.deadline_us();
  while (!stage.has<lease::Swap>()) {
    stage.keeper.tick(stage.now_us);
    for (const auto& action : stage.keeper.take_actions()) {
      stage.seen.push_back(action);
      if (std::holds_alternative<lease::Observe>(action)) stage.keeper.on_unreachable(stage.now_us);
    }
    stage.now_us += 50'000;
  }
  const auto sent_us = stage.now_us - 50'000;
  stage.now_us += kSecond_us;  // under way for long
  stage.keeper.on_swapped(stage.carry_out(*stage.last<lease::Swap>()), stage.now_us);
  CHECK(stage.keeper.deadline_us() > before);
  CHECK(stage.keeper.deadline_us() == sent_us + kTtl_us);
}

TEST_CASE("a deadline counts from before the acquisition was sent") {
  Stage stage(rules_of("b"));
  stage.keeper.on_facts(standby_at(1, 100));
  stage.put(record_of("a", 1));
  while (!stage.has<lease::Swap>()) {
    stage.keeper.tick(stage.now_us);
    for (const auto& action : stage.keeper.take_actions()) {
      stage.seen.push_back(action);
      if (std::holds_alternative<lease::Observe>(action)) {
        stage.keeper.on_view(stage.view, stage.now_us, stage.now_us);
      }
    }
    stage.now_us += 50'000;
    REQUIRE(stage.now_us < 60 * kSecond_us);
  }
  const auto sent_us = stage.now_us - 50'000;
  stage.now_us += kSecond_us;
  stage.keeper.on_swapped(stage.carry_out(*stage.last<lease::Swap>()), stage.now_us);
  REQUIRE(stage.keeper.holds());
  CHECK(stage.keeper.deadline_us() == sent_us + kTtl_us);
}

TEST_CASE("a deadline on promises counts from before they were asked for") {
  auto stage = holder();
  stage.run(kTtl_us);
  stage.seen.clear();
  stage.store_answers = false;
  while (!stage.has<lease::AskToStay>()) {
    stage.step();
    stage.now_us += 10'000;
    REQUIRE(stage.now_us < 60 * kSecond_us);
  }
  const auto asked_us = stage.now_us - 10'000;
  const auto ask = *stage.last<lease::AskToStay>();
  stage.now_us += 700'000;
  for (const auto& node : ask.nodes) {
    stage.keeper.on_stay_answer(ask.round, node, true, stage.now_us);
  }
  REQUIRE(stage.keeper.is_on_promises());
  CHECK(stage.keeper.deadline_us() == asked_us + kTtl_us);
}

TEST_CASE("renewed after the fence and before the deadline: it goes on") {
  auto stage = holder();
  stage.store_answers = false;
  while (!stage.has<lease::Fence>()) stage.run(50'000);
  stage.keeper.on_fenced(true);
  CHECK(!stage.keeper.may_write(stage.now_us));
  stage.store_answers = true;
  stage.run(rules_of("a").poll() + 100'000);
  CHECK(stage.has<lease::Unfence>());
  CHECK(!stage.has<lease::Alarm>());
  CHECK(stage.keeper.may_write(stage.now_us));
}

TEST_CASE("renewals of unknown outcome: what happened is found, whether it did or not") {
  for (const bool happened : {false, true}) {
    auto stage = holder();
    stage.run(kTtl_us / 3 - 50'000);
    stage.store_answers = false;
    stage.applies_lost_swaps = happened;
    stage.run(kTtl_us / 4);
    stage.store_answers = true;
    stage.run(kTtl_us);
    CHECK(stage.keeper.holds());
    CHECK(!stage.has<lease::Fence>());
    CHECK(stage.has<lease::Recorded>());
  }
}

TEST_CASE("a record of another node: it stands down at once") {
  auto stage = holder();
  stage.put(record_of("b", 2));
  stage.run(2 * rules_of("a").poll());
  CHECK(stage.has<lease::StandDown>());
  CHECK(!stage.keeper.holds());
  CHECK(!stage.keeper.may_write(stage.now_us));
}

TEST_CASE("a record that was removed is put back") {
  auto stage = holder();
  stage.view.leader.reset();
  ++stage.view.revision;
  stage.run(kTtl_us / 2);
  CHECK(stage.keeper.holds());
  REQUIRE(stage.view.leader.has_value());
  CHECK(stage.view.leader->value.node == "a");
}

TEST_CASE("all others promise to stay: it leads on without the store, as long as they do") {
  auto stage = holder_without_store();
  const auto answer_all = [&](bool agrees) {
    for (std::size_t i = 0; i < stage.seen.size(); ++i) {
      const auto* ask = std::get_if<lease::AskToStay>(&stage.seen[i]);
      if (ask == nullptr) continue;
      for (const auto& node : ask->nodes) {
        stage.keeper.on_stay_answer(ask->round, node, agrees, stage.now_us);
      }
    }
  };
  for (int i = 0; i < 400; ++i) {
    stage.run(50'000);
    answer_all(true);
  }
  CHECK(stage.keeper.is_on_promises());
  CHECK(stage.keeper.holds());
  CHECK(!stage.has<lease::Fence>());
  // One of them is silent from here on.
  stage.seen.clear();
  stage.run(kTtl_us + kSecond_us);
  CHECK(stage.has<lease::Fence>());
  CHECK(stage.has<lease::StandDown>());
}

TEST_CASE("one that does not agree, or does not answer: no promise") {
  for (const bool one_refuses : {true, false}) {
    auto stage = holder();
    for (const char* node : {"b", "c"}) {
      MemberRecord member;
      member.node = node;
      stage.put(member);
    }
    stage.run(kTtl_us);
    stage.seen.clear();
    stage.store_answers = false;
    for (int i = 0; i < 300 && stage.keeper.holds(); ++i) {
      stage.run(50'000);
      if (const auto* ask = stage.last<lease::AskToStay>()) {
        REQUIRE(ask->nodes.size() == 2);
        stage.keeper.on_stay_answer(ask->round, "b", true, stage.now_us);
        if (one_refuses) stage.keeper.on_stay_answer(ask->round, "c", false, stage.now_us);
      }
    }
    CHECK(!stage.keeper.holds());
    CHECK(stage.has<lease::Fence>());
  }
}

TEST_CASE("an answer to an earlier round counts for nothing") {
  auto stage = holder_without_store();
  while (stage.count<lease::AskToStay>() < 2) stage.run(50'000);
  const auto before = stage.keeper.deadline_us();
  stage.keeper.on_stay_answer(stage.last<lease::AskToStay>()->round - 1, "b", true, stage.now_us);
  CHECK(stage.keeper.deadline_us() == before);
  stage.keeper.on_stay_answer(stage.last<lease::AskToStay>()->round, "b", true, stage.now_us);
  CHECK(stage.keeper.deadline_us() > before);
}

TEST_CASE("paused: it goes on without the store, and counts again once that ends") {
  auto stage = holder();
  stage.view.is_paused = true;
  stage.run(kSecond_us);
  CHECK(stage.view.leader->value.is_paused);
  stage.store_answers = false;
  stage.run(5 * kTtl_us);
  CHECK(!stage.has<lease::Fence>());
  CHECK(stage.keeper.may_write(stage.now_us));
  stage.store_answers = true;
  stage.view.is_paused = false;
  stage.run(kSecond_us);
  CHECK(!stage.view.leader->value.is_paused);
  CHECK(stage.keeper.may_write(stage.now_us));
  stage.store_answers = false;
  stage.run(2 * kTtl_us);
  CHECK(stage.has<lease::Fence>());
}

TEST_CASE("resuming of unknown outcome: it counts from when it was sent") {
  auto stage = holder();
  stage.view.is_paused = true;
  stage.run(kSecond_us);
  stage.view.is_paused = false;
  stage.applies_lost_swaps = true;
  for (int i = 0; i < 100; ++i) {
    stage.keeper.tick(stage.now_us);
    for (const auto& action : stage.keeper.take_actions()) {
      stage.seen.push_back(action);
      if (std::holds_alternative<lease::Observe>(action)) {
        stage.keeper.on_view(stage.view, stage.now_us, stage.now_us);
      }
      if (const auto* swap = std::get_if<lease::Swap>(&action)) {
        (void)stage.carry_out(*swap);
        stage.keeper.on_swap_unknown(stage.now_us);
        stage.store_answers = false;
      }
    }
    if (!stage.store_answers) break;
    stage.now_us += 50'000;
  }
  stage.applies_lost_swaps = false;
  stage.run(2 * kTtl_us);
  CHECK(stage.has<lease::Fence>());
}

TEST_CASE("handing over: the record names the heir, and this node is out") {
  auto stage = holder();
  stage.keeper.hand_over("b", 9, 123);
  CHECK(!stage.keeper.may_write(stage.now_us));
  stage.step();
  const auto& record = stage.view.leader->value;
  CHECK(record.node == "b");
  CHECK(record.process == 9);
  CHECK(record.is_offered);
  CHECK(record.epoch == 2);
  CHECK(record.position_seq == 123);
  CHECK(record.led_node == "a");
  CHECK(stage.has<lease::StandDown>());
  CHECK(!stage.keeper.holds());
}

TEST_CASE("handing over of unknown outcome: it writes no more until a renewal shows that it may") {
  for (const bool happened : {false, true}) {
    auto stage = holder();
    stage.store_answers = false;
    stage.applies_lost_swaps = happened;
    stage.keeper.hand_over("b", 9, 123);
    stage.step();
    stage.keeper.give_up_handing_over();
    CHECK(!stage.keeper.may_write(stage.now_us));
    stage.step();
    CHECK(!stage.keeper.may_write(stage.now_us));
    stage.store_answers = true;
    stage.run(kSecond_us);
    CHECK(stage.keeper.may_write(stage.now_us) == !happened);
    CHECK(stage.has<lease::Unfence>() == !happened);
    CHECK(stage.has<lease::StandDown>() == happened);
  }
}

TEST_CASE("a promotion that failed gives the lease back, and stands back itself") {
  auto stage = Stage(rules_of("b"));
  stage.keeper.on_facts(standby_at(1, 100));
  stage.put(record_of("a", 1));
  stage.run(kTtl_us + kSecond_us);
  REQUIRE(stage.keeper.holds());
  stage.keeper.on_lead_failed("a hook said no", stage.now_us);
  CHECK(!stage.keeper.may_write(stage.now_us));
  stage.step();
  CHECK(!stage.keeper.holds());
  CHECK(stage.view.leader->value.is_released);
  const auto swaps = stage.count<lease::Swap>();
  stage.run(kTtl_us);
  CHECK(stage.count<lease::Swap>() == swaps);
}

TEST_CASE("its record says who there is, where it is, and whose commits wait") {
  auto stage = holder();
  MemberRecord b;
  b.node = "b";
  stage.put(b);
  auto facts = primary_at(1, 555);
  facts.sync = SyncRecord{1, {"b"}, false};
  stage.keeper.on_facts(facts);
  stage.run(2 * rules_of("a").poll());
  const auto& record = stage.view.leader->value;
  CHECK(record.members == std::vector<std::string>{"a", "b"});
  CHECK(record.position_seq == 555);
  CHECK(record.sync == facts.sync);
  REQUIRE(stage.has<lease::Recorded>());
  CHECK(stage.last<lease::Recorded>()->record.sync == facts.sync);
}

TEST_CASE(
    "a swap of unknown outcome, and meanwhile another node's record was seen: no renewal over it") {
  auto stage = holder();
  while (!stage.has<lease::Swap>()) {  // a renewal is under way
    stage.now_us += 50'000;
    stage.keeper.tick(stage.now_us);
    for (const auto& action : stage.keeper.take_actions()) {
      stage.seen.push_back(action);
      if (std::holds_alternative<lease::Observe>(action)) {
        stage.keeper.on_view(stage.view, stage.now_us, stage.now_us);
      }
    }
  }
  stage.put(record_of("b", 2));
  stage.keeper.on_view(stage.view, stage.now_us, stage.now_us);  // asked for before the swap
  stage.keeper.on_swap_unknown(stage.now_us + 300'000);
  stage.now_us += 400'000;
  stage.run(kSecond_us);
  CHECK(stage.view.leader->value.node == "b");
  CHECK(stage.has<lease::StandDown>());
  CHECK(!stage.keeper.holds());
}

}  // namespace understudy::test
