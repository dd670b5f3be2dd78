// Seeded runs of the whole protocol. UNDERSTUDY_SIM_SEED=n plays one seed, UNDERSTUDY_SIM_SEEDS=k
// plays the seeds 1 … k.
#include "tests/simulation/simulation.h"

#include "tests/support/environment.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

using namespace understudy::sim;
using understudy::from_environment;

namespace {

void add(RunCounts& sum, const RunCounts& run) {
  sum.events += run.events;
  sum.commits += run.commits;
  sum.crashes += run.crashes;
  sum.resyncs += run.resyncs;
  sum.failed_resyncs += run.failed_resyncs;
  sum.orphanings += run.orphanings;
  sum.tails_dropped += run.tails_dropped;
  sum.appends += run.appends;
  sum.damages += run.damages;
  sum.rewinds += run.rewinds;
}

std::uint64_t failures_with(Sabotage sabotage, std::uint64_t seeds) {
  std::uint64_t failures = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    try {
      Simulation(seed, sabotage).run();
    } catch (const Broken&) {
      ++failures;
    }
  }
  return failures;
}

}  // namespace

TEST_CASE("every promise holds under every seed, and standbys converge once faults end") {
  const auto only = from_environment("UNDERSTUDY_SIM_SEED", 0);
  const auto seeds = only ? 1 : from_environment("UNDERSTUDY_SIM_SEEDS", 200);
  RunCounts sum;
  for (std::uint64_t i = 1; i <= seeds; ++i) {
    const auto seed = only ? only : i;
    try {
      add(sum, Simulation(seed).run());
    } catch (const Broken& broken) {
      FAIL_CHECK(fmt::format("seed {}: {}\nreplay: UNDERSTUDY_SIM_SEED={} test_simulation", seed,
                             broken.what(), seed));
    }
  }
  MESSAGE(
      fmt::format("{} seeds: {} events, {} commits, {} appends, {} crashes, {} resyncs ({} "
                  "started again), {} logs put aside, {} tails dropped, {} damages, {} "
                  "rewinds",
                  seeds, sum.events, sum.commits, sum.appends, sum.crashes, sum.resyncs,
                  sum.failed_resyncs, sum.orphanings, sum.tails_dropped, sum.damages, sum.rewinds));
  fmt::print("understudy-count: simulation seeds={}\n", seeds);
  fmt::print("understudy-count: simulated crashes={}\n", sum.crashes);
  fmt::print("understudy-count: simulated events={}\n", sum.events);
  // A run in which nothing happened proves nothing.
  if (seeds >= 100) {
    CHECK(sum.resyncs > seeds);
    CHECK(sum.orphanings > 0);
    CHECK(sum.tails_dropped > 0);
  }
}

TEST_CASE("negative control: each broken rule is noticed") {
  CHECK(failures_with(Sabotage::send_before_durable, 20) > 0);
  CHECK(failures_with(Sabotage::lose_an_append, 20) > 0);
  // Here the state sum notices before anybody sees the state: resyncs begin again.
  std::uint64_t failed_resyncs = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    failed_resyncs += Simulation(seed, Sabotage::ignore_as_of).run().failed_resyncs;
  }
  CHECK(failed_resyncs > 0);
}
