// RestorePlan: which snapshot and which records make the state that is asked for. Changes nothing.
#pragma once

#include "replay/target.h"

namespace understudy {

struct RestorePlan {
  FoundTarget target;
  // From each of them the target is reached, the one with the fewest records first. Not empty.
  std::vector<SnapshotEntry> from;
};

// Selects the run of `chain` that the plan needs. Throws ConfigError, in words that say what is
// missing, and CorruptionError.
[[nodiscard]] RestorePlan plan_restore(LogChain& chain, std::span<const SnapshotEntry> snapshots,
                                       const Target& target);

}  // namespace understudy
