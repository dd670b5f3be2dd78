#include "replay/restore_plan.h"

#include "common/core/errors.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

// Without a run that holds it, only a snapshot of that very state will do.
bool leads_to(LogChain& chain, const SnapshotEntry& snapshot, Seq target) {
  const auto seq = snapshot.footer.position.seq;
  if (seq >= target) return seq == target;
  return !chain.is_empty() && chain.select(target) && chain.bounds().base.seq <= seq;
}

[[noreturn]] void refuse(LogChain& chain, std::span<const SnapshotEntry> snapshots, Seq target) {
  const auto coverage = describe_coverage(chain, snapshots);
  if (snapshots.empty()) {
    throw ConfigError(fmt::format(
        "there is no snapshot to begin from: the sources have {}; name a state directory or an "
        "archive that holds snapshots, or a snapshot file",
        coverage));
  }
  if (snapshots.front().footer.position.seq > target) {
    throw ConfigError(fmt::format("record {} is before the oldest snapshot: the sources have {}",
                                  target, coverage));
  }
  throw ConfigError(fmt::format(
      "records are missing between the snapshots before record {} and that record: the sources "
      "have {}",
      target, coverage));
}

}  // namespace

RestorePlan plan_restore(LogChain& chain, std::span<const SnapshotEntry> snapshots,
                         const Target& target) {
  const auto counting = snapshots_that_count(chain, snapshots);
  RestorePlan plan{find_target(chain, counting, target), {}};
  for (const auto& each : counting) {
    if (leads_to(chain, each, plan.target.seq)) plan.from.push_back(each);
  }
  if (plan.from.empty()) refuse(chain, counting, plan.target.seq);
  std::ranges::reverse(plan.from);
  if (!chain.is_empty()) (void)chain.select(plan.target.seq);
  return plan;
}

}  // namespace understudy
