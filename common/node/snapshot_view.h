// What a node's snapshots are, in the words of the status.
#pragma once

#include "common/core/clock.h"
#include "common/node/status.h"
#include "common/snapshot/snapshot_keeper.h"

namespace understudy {

inline void add_snapshot(const SnapshotReport& report, Status& status) {
  if (report.newest) {
    const auto& footer = report.newest->footer;
    status.snapshot =
        SnapshotStatus{footer.position.seq, utc_text(footer.time_us), report.newest->bytes};
  }
  status.snapshot_progress = report.progress;
  if (!report.warning.empty()) status.warnings.push_back(report.warning);
}

}  // namespace understudy
