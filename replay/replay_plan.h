// ReplayPlan: from which state to which one a replica is moved on. Changes nothing.
#pragma once

#include "replay/target.h"

namespace understudy {

struct ReplayPlan {
  Position from;
  FoundTarget target;  // at or behind `from`, in one unbroken run with it
  [[nodiscard]] std::uint64_t records() const { return target.seq - from.seq; }
};

// The newest state in the chain that has this sum; selects its run. nullopt: there is none.
[[nodiscard]] std::optional<Position> find_state_in(LogChain& chain, StateSum sum);

// Selects the run of `chain` that goes on from `replica`. Throws ConfigError when none does, or
// when records are missing before the target: it says which. CorruptionError.
[[nodiscard]] ReplayPlan plan_replay(LogChain& chain, const Position& replica,
                                     const Target& target);

}  // namespace understudy
