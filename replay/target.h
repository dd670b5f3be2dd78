// Target: the state that an operator asks for, by number or by time, and where it is to be found in
// the logs and snapshots at hand.
#pragma once

#include "replay/log_chain.h"

#include <optional>
#include <span>
#include <string>

namespace understudy {

// Neither: the newest state there is.
struct Target {
  std::optional<Seq> seq;
  std::optional<std::int64_t> time_us;  // the last record committed by then
};

struct FoundTarget {
  Seq seq = 0;
  std::int64_t time_us = 0;  // when it was committed; 0: not on record
  // The time asked for is behind all that the sources have: there may have been more.
  bool is_newest = false;
};

// Those of `snapshots` that are states of the history that counts, in the order given. Of snapshots
// alone, without a log, the one of the highest epoch says which history that is.
[[nodiscard]] std::vector<SnapshotEntry> snapshots_that_count(
    LogChain& chain, std::span<const SnapshotEntry> snapshots);

// Selects the run of `chain` that holds the state; without such a run a snapshot is of that very
// state. Throws ConfigError, which says what the sources do have: it is not covered, or it lies in
// a gap. CorruptionError.
[[nodiscard]] FoundTarget find_target(LogChain& chain, std::span<const SnapshotEntry> snapshots,
                                      const Target& target);

// What logs and snapshots cover, for people: "records 1 … 90 (2026-… to 2026-…); snapshots at …".
[[nodiscard]] std::string describe_coverage(LogChain& chain,
                                            std::span<const SnapshotEntry> snapshots);

}  // namespace understudy
