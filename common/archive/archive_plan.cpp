#include "common/archive/archive_plan.h"

#include <map>

namespace understudy {

Seq covered_until(std::span<const SegmentName> segments, Seq from, const MarkAt& mark_at) {
  Seq covered = from;
  for (const auto& segment : segments) {
    if (segment.first > covered + 1) break;
    // An equal mark behind it: the log is the same up to there, so the segment is a part of it.
    if (segment.last > covered && mark_at(segment.last) == segment.after) covered = segment.last;
  }
  return covered;
}

std::vector<std::vector<SegmentName>> join_segments(std::span<const SegmentName> segments) {
  std::vector<std::vector<SegmentName>> runs;
  std::map<LogMark, std::size_t> ends;  // mark behind a run -> the run
  for (const auto& segment : segments) {
    const auto end = ends.find(segment.before);
    auto run = runs.size();
    if (end != ends.end()) {
      run = end->second;
      ends.erase(end);
    } else {
      runs.emplace_back();
    }
    runs[run].push_back(segment);
    ends.emplace(segment.after, run);  // the longer run goes on
  }
  return runs;
}

}  // namespace understudy
