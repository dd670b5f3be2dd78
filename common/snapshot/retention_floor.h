// Retention that leaves what restoring needs: the records after the oldest snapshot that is kept, and
// those that are not in the archive yet.
#pragma once

#include "common/backend/backend.h"

#include <algorithm>
#include <limits>

namespace understudy {

constexpr Seq kNoSnapshotFloor = std::numeric_limits<Seq>::max();

// The records after these are still needed; kNoSnapshotFloor: none is.
struct RetentionFloors {
  Seq snapshots = kNoSnapshotFloor;
  Seq archive = kNoSnapshotFloor;
  [[nodiscard]] Seq lowest() const { return std::min(snapshots, archive); }
};

// Trims as Backend::trim() does, and nothing beyond the floors either. Disk is bounded all the
// same: a log that is twice its size limit is trimmed beyond them, which a warning in the log says
// (of the archive its own thread says it). Returns how many records went. On the backend's thread.
std::uint64_t trim_above_floor(Backend& backend, const RetentionPolicy& policy, Seq keep_after,
                               const RetentionFloors& floors);

}  // namespace understudy
