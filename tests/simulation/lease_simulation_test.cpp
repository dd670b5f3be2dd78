// Seeded runs of clusters with a lease. UNDERSTUDY_LEASE_SEED=n plays one seed,
// UNDERSTUDY_LEASE_SEEDS=k plays the seeds 1 … k, of each kind.
#include "tests/simulation/lease_simulation.h"

#include "tests/support/environment.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace understudy::sim;
using understudy::from_environment;

namespace {

struct Counted {
  const char* what;
  std::uint64_t LeaseCounts::*number;
};
constexpr Counted kCounted[] = {
    {"events", &LeaseCounts::events},
    {"commits", &LeaseCounts::commits},
    {"without a sidecar that runs", &LeaseCounts::written_without},
    {"acknowledged", &LeaseCounts::acknowledged},
    {"tenures", &LeaseCounts::leads},
    {"claims", &LeaseCounts::claims},
    {"handed over", &LeaseCounts::handed_over},
    {"offers taken", &LeaseCounts::offers_taken},
    {"promotions failed", &LeaseCounts::failed},
    {"deaths", &LeaseCounts::crashes},
    {"of the sidecar alone", &LeaseCounts::sidecars_killed},
    {"by the watchdog", &LeaseCounts::watchdog_kills},
    {"sidecars hung", &LeaseCounts::sidecars_hung},
    {"disks lost", &LeaseCounts::disks_lost},
    {"machines cut off", &LeaseCounts::isolated},
    {"races", &LeaseCounts::races},
    {"fences", &LeaseCounts::fences},
    {"dropped in time", &LeaseCounts::kept},
    {"transactions opened over one on purpose", &LeaseCounts::open_at_fence},
    {"waited for a transaction", &LeaseCounts::late_fences},
    {"led on promises", &LeaseCounts::on_promises},
    {"stood down", &LeaseCounts::stood_down},
    {"changes of the synced set", &LeaseCounts::sets_changed},
    {"logs rewound", &LeaseCounts::rewinds},
    {"promoted by hand at the end", &LeaseCounts::decided_by_hand},
};

void add(LeaseCounts& sum, const LeaseCounts& run) {
  for (const auto& counted : kCounted) sum.*counted.number += run.*counted.number;
}

std::string to_text(const LeaseCounts& sum) {
  std::string text;
  for (const auto& counted : kCounted) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", counted.what, sum.*counted.number);
  }
  return text;
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

std::uint64_t failures_with(LeaseSabotage sabotage, std::size_t sync_count, std::uint64_t seeds,
                            const char* what) {
  std::uint64_t failures = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    try {
      LeaseSimulation(seed, sync_count, sabotage).run();
    } catch (const Broken&) {
      ++failures;
    }
  }
  fmt::print("understudy-count: of {} seeds broken, {}={}\n", seeds, what, failures);
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

TEST_CASE("negative controls: each of the lease's rules is needed, and its absence is seen") {
  using enum LeaseSabotage;
  CHECK(failures_with(wild_clocks, 0, 100, "wild clocks with a margin for them") == 0);
  CHECK(failures_with(no_margin, 0, 100, "wild clocks without") > 10);
  CHECK(failures_with(half_margin, 0, 300, "half the margin") > 10);
  CHECK(failures_with(counts_from_answer, 0, 300, "deadlines that count from the answer") > 10);
  CHECK(failures_with(no_fence, 0, 100, "fences that do not hold") > 10);
  CHECK(failures_with(slow_watchdog, 0, 100, "a watchdog of a third of the ttl") > 10);
  CHECK(failures_with(fence_dies_first, 0, 100, "fences that die before the application") > 10);
  CHECK(failures_with(forget_promises, 0, 100, "promises forgotten") > 10);
  CHECK(failures_with(unsynced_take_over, 1, 60, "acknowledged without all of the set") > 10);
  CHECK(failures_with(unrecorded_set, 1, 300, "sets that count before they are on record") > 10);
}
