// restore: makes a database of a snapshot and the records behind it, as RestorePlan says, and
// proves it by its state sum before it gets its name.
//
// Invariant: under the output's name there is the whole, proved, durable state, or nothing.
// Memory: bounded (database_image.h, snapshot_ahead.h, one read of the log).
#pragma once

#include "common/logging/progress.h"
#include "replay/restore_plan.h"

#include <functional>
#include <optional>
#include <string>

namespace understudy {

struct Restored {
  Position position;
  SnapshotEntry from;         // the snapshot that it was made of
  std::uint64_t records = 0;  // that were applied behind it
  std::uint64_t bytes = 0;    // of the database
};

// A damaged snapshot is passed over for the next one of the plan, with a warning in the log.
// nullopt: is_cancelled() answered true, and nothing is left. Throws ConfigError (something is in
// the way), CorruptionError, IoError; nothing is left then either.
[[nodiscard]] std::optional<Restored> restore(LogChain& chain, const RestorePlan& plan,
                                              const std::string& output, Progress& progress,
                                              const std::function<bool()>& is_cancelled);

}  // namespace understudy
