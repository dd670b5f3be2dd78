// The handing over: each step, and in every order of losses and restarts the one invariant, that
// primary and target are never writable at the same time.
#include "takeover/switchover.h"

#include <doctest/doctest.h>

#include <random>

namespace understudy::test {
namespace {

constexpr std::uint64_t kId = 77;
constexpr std::uint64_t kProcess = 5;
constexpr Epoch kEpoch = 3;
const Position kEnd{kEpoch, 100, 42};

template <typename A>
bool has(const std::vector<switchover::Action>& actions) {
  for (const auto& action : actions) {
    if (std::holds_alternative<A>(action)) return true;
  }
  return false;
}

Switchover begun() {
  return {kId, "b", kProcess, kEpoch, 0};
}

Switchover demanding() {
  auto machine = begun();
  machine.on_fenced(true);
  machine.on_drained(kEnd);
  (void)machine.take_actions();
  return machine;
}

}  // namespace

TEST_CASE("fence, drain, demand, stand down, in this order") {
  auto machine = begun();
  CHECK(has<switchover::TakeFence>(machine.take_actions()));
  machine.on_fenced(true);
  CHECK(has<switchover::Drain>(machine.take_actions()));
  machine.on_drained(kEnd);
  const auto actions = machine.take_actions();
  REQUIRE(actions.size() == 1);
  const auto& demand = std::get<switchover::Demand>(actions.front());
  CHECK(demand.id == kId);
  CHECK(demand.process == kProcess);
  CHECK(demand.position == kEnd);
  machine.on_report({kProcess, NodeRole::primary, kEpoch + 1, 0});
  CHECK(has<switchover::StandDown>(machine.take_actions()));
  CHECK(machine.is_over());
}

TEST_CASE("what fails before the demand leaves the primary as it was") {
  auto open_transaction = begun();
  (void)open_transaction.take_actions();
  open_transaction.on_fenced(false);
  auto actions = open_transaction.take_actions();
  CHECK(has<switchover::GiveUp>(actions));
  CHECK_FALSE(has<switchover::DropFence>(actions));

  auto full_disk = begun();
  full_disk.on_fenced(true);
  full_disk.on_drained(std::nullopt);
  actions = full_disk.take_actions();
  CHECK(has<switchover::GiveUp>(actions));
  CHECK(has<switchover::DropFence>(actions));
}

TEST_CASE("a silent target leaves it fenced, asked again and told") {
  auto machine = demanding();
  for (std::int64_t now = 0; now < 60'000'000; now += 100'000) {
    machine.tick(now);
    machine.on_report({kProcess, NodeRole::standby, kEpoch, 0});  // before it got the demand
  }
  const auto actions = machine.take_actions();
  CHECK(has<switchover::Demand>(actions));
  CHECK(has<switchover::Stuck>(actions));
  CHECK_FALSE(has<switchover::DropFence>(actions));
  CHECK_FALSE(machine.is_over());
}

TEST_CASE("a refusal, or another process that is no primary, ends it; a starting one does not") {
  auto refused = demanding();
  refused.on_report({kProcess, NodeRole::standby, kEpoch, kId - 1});
  CHECK_FALSE(refused.is_over());
  refused.on_report({kProcess, NodeRole::standby, kEpoch, kId});
  CHECK(has<switchover::DropFence>(refused.take_actions()));

  auto restarted = demanding();
  restarted.on_report({kProcess + 1, std::nullopt, 0, 0});
  CHECK_FALSE(restarted.is_over());
  restarted.on_report({kProcess + 1, NodeRole::standby, kEpoch, 0});
  CHECK(has<switchover::DropFence>(restarted.take_actions()));
}

TEST_CASE("a higher epoch ends it at every step") {
  auto machine = begun();
  machine.on_higher_epoch(kEpoch + 2);
  CHECK(has<switchover::StandDown>(machine.take_actions()));
}

namespace {

// A target that gets demands and restarts at any moment, as the product's does.
struct Target {
  std::uint64_t process = kProcess;
  std::uint64_t declined = 0;
  std::uint64_t working_on = 0;
  bool leads = false;  // on disk

  void on_demand(const switchover::Demand& demand, bool able) {
    if (leads || demand.process != process || demand.id == declined) return;
    if (able) {
      working_on = demand.id;
    } else if (working_on == 0) {
      declined = demand.id;
    }
  }
  void work() {
    if (working_on != 0) leads = true;
  }
  void crash() {
    ++process;
    declined = working_on = 0;
  }
  [[nodiscard]] TargetReport report() const {
    return {process, leads ? NodeRole::primary : NodeRole::standby, leads ? kEpoch + 1 : kEpoch,
            declined};
  }
};

// One run; returns whether the target leads in the end.
bool run(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto one_in = [&random](std::uint32_t n) { return random() % n == 0; };
  auto machine = begun();
  Target target;
  bool fenced = false;
  bool stood_down = false;
  std::vector<switchover::Demand> network;
  std::vector<TargetReport> reports;
  for (std::int64_t now = 0; now < 40'000'000 && !machine.is_over(); now += 100'000) {
    machine.tick(now);
    for (const auto& action : machine.take_actions()) {
      if (has<switchover::TakeFence>({action})) machine.on_fenced(fenced = true);
      if (has<switchover::Drain>({action})) machine.on_drained(kEnd);
      if (has<switchover::DropFence>({action})) fenced = false;
      if (has<switchover::StandDown>({action})) stood_down = true;
      if (const auto* demand = std::get_if<switchover::Demand>(&action)) network.push_back(*demand);
    }
    if (!network.empty() && one_in(3)) {
      target.on_demand(network[random() % network.size()], !one_in(4));  // late and twice, too
    }
    if (one_in(10)) target.crash();
    if (one_in(3)) target.work();
    if (one_in(2)) reports.push_back(target.report());
    if (!reports.empty() && one_in(2)) {  // in order, some lost
      machine.on_report(reports.front());
      reports.erase(reports.begin());
    }
    CHECK_FALSE((target.leads && !fenced && !stood_down));
  }
  for (const auto& action : machine.take_actions()) {
    if (has<switchover::DropFence>({action})) fenced = false;
    if (has<switchover::StandDown>({action})) stood_down = true;
  }
  // What is still under way may arrive after the end.
  for (const auto& demand : network) target.on_demand(demand, true);
  target.work();
  CHECK_FALSE((target.leads && !fenced && !stood_down));
  return target.leads;
}

}  // namespace

TEST_CASE("in no order of losses, repeats and restarts do both accept writes") {
  int took_over = 0;
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    took_over += run(seed) ? 1 : 0;
  }
  CHECK(took_over > 300);
  CHECK(took_over < 2900);
}

}  // namespace understudy::test
