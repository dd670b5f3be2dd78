// A LeaseKeeper on a stage: a store that answers when the test says so, and a clock that the test
// moves.
#pragma once

#include "lease/lease_keeper.h"

#include <algorithm>

namespace understudy::test {

constexpr std::int64_t kSecond_us = 1'000'000;
constexpr std::int64_t kTtl_us = 6 * kSecond_us;  // margin 1 s, poll 300 ms

inline LeaseRules rules_of(const std::string& node, std::uint64_t process = 1) {
  LeaseRules rules;
  rules.node = node;
  rules.process = process;
  rules.ttl_us = kTtl_us;
  return rules;
}

// A healthy standby at this position.
inline LeaseFacts standby_at(Epoch epoch, Seq seq) {
  LeaseFacts facts;
  facts.role = NodeRole::standby;
  facts.state = NodeState::streaming;
  facts.has_state = true;
  facts.epoch = facts.highest_epoch = facts.durable_epoch = epoch;
  facts.durable = facts.applied = seq;
  return facts;
}

// The same, which has not found its role yet.
inline LeaseFacts starting_at(Epoch epoch, Seq seq) {
  auto facts = standby_at(epoch, seq);
  facts.role.reset();
  return facts;
}

inline LeaseFacts primary_at(Epoch epoch, Seq seq) {
  auto facts = standby_at(epoch, seq);
  facts.role = NodeRole::primary;
  facts.state = NodeState::publishing;
  facts.led_epoch = epoch;
  return facts;
}

// The record of a primary that all of a, b and c know.
inline LeaderRecord record_of(const std::string& node, Epoch epoch, Seq seq = 100) {
  LeaderRecord record;
  record.node = record.led_node = node;
  record.process = 77;
  record.epoch = record.led_epoch = record.position_epoch = epoch;
  record.position_seq = seq;
  record.ttl_ms = kTtl_us / 1000;
  record.members = {"a", "b", "c"};
  return record;
}

class Stage {
 public:
  explicit Stage(LeaseRules rules) : keeper(std::move(rules), 0) {}

  LeaseKeeper keeper;
  std::int64_t now_us = kSecond_us;
  LeaseView view{.revision = 10, .leader = {}, .members = {}};
  bool store_answers = true;
  bool applies_lost_swaps = false;  // while it does not answer
  std::vector<lease::Action> seen;

  void put(LeaderRecord record) { view.leader = {std::move(record), ++view.revision}; }

  void put(MemberRecord member) {
    std::erase_if(view.members, [&](const auto& m) { return m.value.node == member.node; });
    view.members.push_back({std::move(member), ++view.revision});
  }

  // Time passes in steps; the store answers at once, or not at all.
  void run(std::int64_t for_us) {
    for (const auto until = now_us + for_us; now_us < until; now_us += 50'000) step();
  }

  void step() {
    constexpr int kTurns = 6;  // what is answered leads to more
    for (int turn = 0; turn < kTurns; ++turn) {
      keeper.tick(now_us);
      for (const auto& action : keeper.take_actions()) {
        seen.push_back(action);
        answer(action);
      }
    }
  }

  template <typename A>
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        seen, [](const auto& action) { return std::holds_alternative<A>(action); }));
  }
  template <typename A>
  [[nodiscard]] bool has() const {
    return count<A>() != 0;
  }
  template <typename A>
  [[nodiscard]] const A* last() const {
    for (auto i = seen.rbegin(); i != seen.rend(); ++i) {
      if (const auto* found = std::get_if<A>(&*i)) return found;
    }
    return nullptr;
  }
  [[nodiscard]] bool has_said(const std::string& event) const {
    return std::ranges::any_of(seen, [&](const auto& action) {
      const auto* said = std::get_if<lease::Say>(&action);
      return said && said->event == event;
    });
  }

  SwapOutcome carry_out(const lease::Swap& swap) {
    if ((view.leader ? view.leader->revision : 0) != swap.expected) {
      return NotSwapped{view.revision, view.leader};
    }
    put(swap.record);
    return Swapped{view.revision};
  }

 private:
  void answer(const lease::Action& action) {
    if (std::holds_alternative<lease::Observe>(action)) {
      if (store_answers) return keeper.on_view(view, now_us, now_us);
      keeper.on_unreachable(now_us);
    } else if (const auto* swap = std::get_if<lease::Swap>(&action)) {
      if (store_answers) return keeper.on_swapped(carry_out(*swap), now_us);
      if (applies_lost_swaps) (void)carry_out(*swap);
      keeper.on_swap_unknown(now_us);
    } else if (const auto* publish = std::get_if<lease::Publish>(&action)) {
      if (store_answers) put(publish->record);
    }
  }
};

// A primary of epoch 1 that holds the lease, with b beside it.
inline Stage holder() {
  Stage stage(rules_of("a"));
  stage.keeper.on_facts(primary_at(1, 100));
  stage.put(record_of("a", 1));
  MemberRecord b;
  b.node = "b";
  stage.put(b);
  stage.keeper.claim(1);
  stage.step();
  stage.seen.clear();
  return stage;
}

}  // namespace understudy::test
