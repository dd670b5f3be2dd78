// replay: moves a replica that no node feeds on to a later state, as ReplayPlan says, while others
// may read it; and leaves it as a standby's: a subscriber goes on from there.
//
// Invariants
//  - What readers see is a state of the log, whole, at every instant; each record is applied on
//    exactly the state that it was made from, and proved (common/replica/replica.h).
//  - No record is applied that is not durable in the replica's own log, which is one run with it.
//    Records that this log alone had are kept as orphans before they leave it.
//  - Whenever the process dies, a replay that is begun again goes on from where it was.
// Memory: bounded (durable_ahead.h, the replica's overlay, 8 bytes a page).
#pragma once

#include "common/logging/progress.h"
#include "replay/replay_plan.h"

#include <functional>
#include <string>

namespace understudy {

struct ReplicaPlace {
  std::string database;   // absolute
  std::string state_dir;  // made when it is not there
};

struct Replayed {
  Position position;
  bool is_complete = true;  // not: is_cancelled() answered true before the target
};

// Throws ConfigError (a node runs on it, or it is no standby's), SqliteError (is_busy(): somebody
// writes to it), CorruptionError, IoError. The replica is then at some state between the two.
[[nodiscard]] Replayed replay(LogChain& chain, const ReplayPlan& plan, const ReplicaPlace& place,
                              Progress& progress, const std::function<bool()>& is_cancelled);

}  // namespace understudy
