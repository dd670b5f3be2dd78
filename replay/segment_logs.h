// Segments of an archive as logs. An archive can have more of them than a process may open files,
// so only the one that was read from last is open; what a segment spans is known from its head.
#pragma once

#include "common/archive/archive.h"
#include "replay/log_sources.h"

namespace understudy {

// One log a segment, in their order. All belong to one thread.
[[nodiscard]] std::vector<LogSource> open_segment_logs(std::vector<SegmentEntry> segments);

}  // namespace understudy
