// Seeded runs of clusters with a lease. UNDERSTUDY_LEASE_SEED=n plays one seed,
// UNDERSTUDY_LEASE_SEEDS=k plays the seeds 1 … k, of each kind.
#include "tests/simulation/lease_simulation.h"

#include "tests/support/environment.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace understudy::sim;
using understudy::from_environment;

namespace {

void add(LeaseCounts& sum, const LeaseCounts& run) {
  sum.leads += run.leads;
  sum.claims += run.claims;
  sum.fences += run.fences;
  sum.kept += run.kept;
  sum.stood_down += run.stood_down;
  sum.failed += run.failed;
  sum.on_promises += run.on_promises;
  sum.handed_over += run.handed_over;
  sum.offers_taken += run.offers_taken;
  sum.crashes += run.crashes;
  sum.commits += run.commits;
  sum.acknowledged += run.acknowledged;
  sum.sets_changed += run.sets_changed;
  sum.late_fences += run.late_fences;
  sum.disks_lost += run.disks_lost;
  sum.watchdog_kills += run.watchdog_kills;
  sum.rewinds += run.rewinds;
  sum.decided_by_hand += run.decided_by_hand;
  sum.isolated += run.isolated;
  sum.events += run.events;
}

std::string to_text(const LeaseCounts& sum) {
  return fmt::format(
      "{} events, {} commits ({} acknowledged), led {} times ({} claims, {} offers taken of {} "
      "made), {} crashes ({} by the watchdog), {} disks lost, {} machines cut off, {} fences ({} "
      "dropped in time, {} "
      "tries while a transaction was open), {} times led on promises, {} stood down, {} "
      "promotions failed, {} changes of the synced set, {} logs rewound, {} times promoted by hand "
      "at the end",
      sum.events, sum.commits, sum.acknowledged, sum.leads, sum.claims, sum.offers_taken,
      sum.handed_over, sum.crashes, sum.watchdog_kills, sum.disks_lost, sum.isolated, sum.fences,
      sum.kept, sum.late_fences, sum.on_promises, sum.stood_down, sum.failed, sum.sets_changed,
      sum.rewinds, sum.decided_by_hand);
}

LeaseCounts play(std::size_t sync_count, const char* what) {
  const auto only = from_environment("UNDERSTUDY_LEASE_SEED", 0);
  const auto seeds = only ? 1 : from_environment("UNDERSTUDY_LEASE_SEEDS", 1000);
  LeaseCounts sum;
  for (std::uint64_t i = 1; i <= seeds; ++i) {
    const auto seed = only ? only : i;
    try {
      add(sum, LeaseSimulation(seed, sync_count).run());
    } catch (const Broken& broken) {
      FAIL_CHECK(fmt::format("seed {} ({}): {}\nreplay: UNDERSTUDY_LEASE_SEED={} test_simulation",
                             seed, what, broken.what(), seed));
    }
  }
  MESSAGE(fmt::format("{} seeds, {}: {}", seeds, what, to_text(sum)));
  fmt::print("understudy-count: simulated clusters with a lease ({})={}\n", what, seeds);
  fmt::print("understudy-count: simulated takeovers by lease ({})={}\n", what, sum.leads);
  return sum;
}

std::uint64_t failures_with(LeaseSabotage sabotage, std::size_t sync_count, std::uint64_t seeds) {
  std::uint64_t failures = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    try {
      LeaseSimulation(seed, sync_count, sabotage).run();
    } catch (const Broken&) {
      ++failures;
    }
  }
  return failures;
}

}  // namespace

TEST_CASE("clusters with a lease, asynchronous: never two that are written to; all converge") {
  const auto sum = play(0, "asynchronous");
  if (sum.events < 1'000'000) return;  // a single seed
  // A run in which nothing happened proves nothing.
  CHECK(sum.fences > 0);
  CHECK(sum.kept > 0);
  CHECK(sum.on_promises > 0);
  CHECK(sum.offers_taken > 0);
  CHECK(sum.late_fences > 0);
  CHECK(sum.watchdog_kills > 0);
}

TEST_CASE("clusters with a lease whose commits wait: nothing that was acknowledged is lost") {
  const auto sum = play(1, "commits wait for one");
  if (sum.events < 1'000'000) return;
  CHECK(sum.acknowledged > 0);
  CHECK(sum.sets_changed > 0);
  CHECK(sum.disks_lost > 0);
  CHECK(sum.rewinds > 0);
}

TEST_CASE("negative controls: what the margin, the set and the promises are for is seen") {
  CHECK(failures_with(LeaseSabotage::wild_clocks, 0, 100) == 0);
  CHECK(failures_with(LeaseSabotage::no_margin, 0, 100) > 0);
  CHECK(failures_with(LeaseSabotage::unsynced_take_over, 1, 60) > 0);
  CHECK(failures_with(LeaseSabotage::forget_promises, 0, 100) > 0);
}
