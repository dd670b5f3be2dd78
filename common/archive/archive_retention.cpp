#include "common/archive/archive_retention.h"

#include "common/archive/archive_log.h"
#include "common/core/failure_point.h"
#include "common/file/file.h"
#include "common/logging/log.h"

#include <algorithm>

namespace understudy {
namespace {

bool is_old(const ArchiveFolder& folder, const SegmentName& name, std::int64_t oldest_kept_us) {
  try {
    return open_segment(folder, name)->footer().last_time_us < oldest_kept_us;
  } catch (const CorruptionError&) {
    return false;  // whoever looks into the archive is told of it; it is not for us to remove
  }
}

}  // namespace

std::size_t trim_archive(const ArchiveFolder& folder, std::int64_t oldest_kept_us,
                         const std::function<bool(const SnapshotEntry&)>& counts,
                         const std::function<bool()>& is_cancelled) {
  const auto snapshots = list_snapshots(folder.snapshots_folder());
  const auto first_kept =
      std::find_if(snapshots.rbegin(), snapshots.rend(), [&](const SnapshotEntry& each) {
        return each.footer.time_us < oldest_kept_us && counts(each);
      });
  if (first_kept == snapshots.rend()) return 0;
  const auto from = first_kept->footer.position.seq;
  std::size_t snapshots_gone = 0;
  std::size_t segments_gone = 0;
  // Snapshots first: one without its records is a state that nothing leads on from.
  for (const auto& each : snapshots) {
    const bool goes = each.footer.position.seq < from && each.footer.time_us < oldest_kept_us;
    if (!goes || is_cancelled()) continue;
    File::remove(each.path);
    ++snapshots_gone;
    failure_point("archive_snapshot_removed");
  }
  for (const auto& name : folder.segments()) {
    const bool goes = name.last <= from && !is_cancelled() && is_old(folder, name, oldest_kept_us);
    if (!goes) continue;
    File::remove(folder.path_of(name));
    ++segments_gone;
    failure_point("segment_removed");
  }
  if (snapshots_gone + segments_gone > 0) {
    log::info("archive_trimmed", "what is older than --archive-keep was removed",
              {{"archive", folder.path()},
               {"segments", segments_gone},
               {"snapshots", snapshots_gone},
               {"first_snapshot_seq", from}});
  }
  return snapshots_gone + segments_gone;
}

}  // namespace understudy
