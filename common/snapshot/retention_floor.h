// Retention that leaves what restoring needs: the records after the oldest snapshot that is kept.
#pragma once

#include "common/backend/backend.h"

#include <limits>

namespace understudy {

constexpr Seq kNoSnapshotFloor = std::numeric_limits<Seq>::max();

// Trims as Backend::trim() does, and nothing beyond `snapshot_floor` either. Disk is bounded all
// the same: a log that is twice its size limit is trimmed beyond the floor, which a warning in the
// log says. Returns how many records went. On the backend's thread.
std::uint64_t trim_above_floor(Backend& backend, const RetentionPolicy& policy, Seq keep_after,
                               Seq snapshot_floor);

}  // namespace understudy
