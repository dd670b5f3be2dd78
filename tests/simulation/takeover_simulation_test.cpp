// Seeded runs of clusters. UNDERSTUDY_TAKEOVER_SEED=n plays one seed, UNDERSTUDY_TAKEOVER_SEEDS=k
// plays the seeds 1 … k, of each kind of operator.
#include "tests/simulation/takeover_simulation.h"

#include "tests/support/environment.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace understudy::sim;
using understudy::from_environment;

namespace {

void add(TakeoverCounts& sum, const TakeoverCounts& run) {
  sum.promotions += run.promotions;
  sum.forced += run.forced;
  sum.refused += run.refused;
  sum.undrained += run.undrained;
  sum.demotions += run.demotions;
  sum.switchovers += run.switchovers;
  sum.switched += run.switched;
  sum.given_up += run.given_up;
  sum.stuck += run.stuck;
  sum.declined += run.declined;
  sum.deaths_at_steps += run.deaths_at_steps;
  sum.crashes += run.crashes;
  sum.forks += run.forks;
  sum.rewinds += run.rewinds;
  sum.resyncs += run.resyncs;
  sum.commits += run.commits;
  sum.drains += run.drains;
  sum.events += run.events;
  sum.epochs += run.epochs;
}

std::string to_text(const TakeoverCounts& sum) {
  return fmt::format(
      "{} events, {} commits, {} promotions ({} forced, {} refused, {} not drained), {} "
      "switchovers "
      "({} done, {} given up, {} declined, {} stuck for a while), {} demotions, {} crashes, {} of "
      "them at a step, {} forks seen, {} logs rewound, {} resyncs, {} unwatched writes drained, {} "
      "epochs",
      sum.events, sum.commits, sum.promotions, sum.forced, sum.refused, sum.undrained,
      sum.switchovers, sum.switched, sum.given_up, sum.declined, sum.stuck, sum.demotions,
      sum.crashes, sum.deaths_at_steps, sum.forks, sum.rewinds, sum.resyncs, sum.drains,
      sum.epochs);
}

TakeoverCounts play(Operator who, const char* what) {
  const auto only = from_environment("UNDERSTUDY_TAKEOVER_SEED", 0);
  const auto seeds = only ? 1 : from_environment("UNDERSTUDY_TAKEOVER_SEEDS", 60);
  TakeoverCounts sum;
  for (std::uint64_t i = 1; i <= seeds; ++i) {
    const auto seed = only ? only : i;
    try {
      add(sum, TakeoverSimulation(seed, who).run());
    } catch (const Broken& broken) {
      FAIL_CHECK(
          fmt::format("seed {} ({}): {}\nreplay: UNDERSTUDY_TAKEOVER_SEED={} "
                      "test_simulation",
                      seed, what, broken.what(), seed));
    }
  }
  MESSAGE(fmt::format("{} seeds, {}: {}", seeds, what, to_text(sum)));
  fmt::print("understudy-count: simulated clusters ({})={}\n", what, seeds);
  fmt::print("understudy-count: simulated promotions ({})={}\n", what, sum.promotions);
  return sum;
}

}  // namespace

TEST_CASE("clusters, whatever their operator does: nothing is mixed, nothing lost, all converge") {
  const auto sum = play(Operator::anything, "any operator");
  if (sum.events < 100'000) return;  // a single seed
  // A run in which nothing happened proves nothing.
  CHECK(sum.forks > 0);
  CHECK(sum.rewinds > 0);
  CHECK(sum.deaths_at_steps > 0);
  CHECK(sum.refused > 0);
  CHECK(sum.switched > 0);
}

TEST_CASE("clusters whose primary is only moved: one node is written to, whatever fails") {
  const auto sum = play(Operator::switchovers, "switchovers only");
  if (sum.events < 100'000) return;
  CHECK(sum.switched > 0);
  CHECK(sum.given_up > 0);
}

TEST_CASE("negative control: orphans that are not kept are missed") {
  std::uint64_t failures = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    try {
      TakeoverSimulation(seed, Operator::anything, Sabotage::lose_orphans).run();
    } catch (const Broken&) {
      ++failures;
    }
  }
  CHECK(failures > 0);
}
