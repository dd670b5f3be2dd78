// What of an archive may go: everything before the newest snapshot that is older than the limit.
// So from that snapshot on every moment can be restored, and the newest in any case.
#pragma once

#include "common/archive/archive_folder.h"

#include <functional>

namespace understudy {

// Removes it, snapshots first, and says so in the log. `counts`: the snapshot is a state of the log
// that goes on. Segments of other branches go by their own age. Safe to be interrupted anywhere.
// Returns how many files.
std::size_t trim_archive(const ArchiveFolder& folder, std::int64_t oldest_kept_us,
                         const std::function<bool(const SnapshotEntry&)>& counts,
                         const std::function<bool()>& is_cancelled);

}  // namespace understudy
