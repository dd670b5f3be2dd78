// Which segments follow on which, and how far they cover a log: told from names alone. Pure.
#pragma once

#include "common/archive/segment.h"

#include <functional>
#include <span>
#include <vector>

namespace understudy {

// The log's own mark of a state; nullopt: the log does not have that state.
using MarkAt = std::function<std::optional<LogMark>(Seq)>;

// The last record up to which the segments, in their order, hold what the log has behind `from`,
// without a gap. Segments of other branches do not count.
[[nodiscard]] Seq covered_until(std::span<const SegmentName> segments, Seq from,
                                const MarkAt& mark_at);

// Unbroken runs, each segment in one of them. Where two go on from one state, by two branches or
// two cuts, the second begins a run of its own. In the order of their first records.
[[nodiscard]] std::vector<std::vector<SegmentName>> join_segments(
    std::span<const SegmentName> segments);

// What is behind the archive.
struct ArchiveBacklog {
  std::uint64_t bytes = 0;
  std::int64_t waits_us = 0;  // since the first of it was seen
};

// When a segment is due: at kSegmentBytes, or after a time. Who sees that another node copies the
// same records waits longer, so that one of them comes to do the work, and the others when that
// one is gone.
class ArchivePatience {
 public:
  explicit ArchivePatience(std::int64_t limit_us) : limit_us_(limit_us) {}

  [[nodiscard]] bool is_due(const ArchiveBacklog& backlog) const {
    return backlog.bytes >= factor() * kSegmentBytes ||
           (backlog.bytes > 0 &&
            backlog.waits_us >= static_cast<std::int64_t>(factor()) * limit_us_);
  }
  void note_own_segment() { others_copy_ = false; }
  void note_others_segment() { others_copy_ = true; }

 private:
  static constexpr std::uint64_t kFactor = 3;
  [[nodiscard]] std::uint64_t factor() const { return others_copy_ ? kFactor : 1; }

  std::int64_t limit_us_;
  bool others_copy_ = false;
};

}  // namespace understudy
