// Archiver: copies a node's records and snapshots into an archive, look by look.
//
// Invariants
//  - Of the node it only reads, beside whoever writes there; it may run in the node's process or in
//    another one.
//  - In the archive it only adds: a file beside, synced, proved, renamed. Killed at any instant it
//    leaves whole files and *.partial ones, which the next look of the same node removes.
//  - What it takes for archived is proved by the marks of segments that are there.
//
// One thread; any number of archivers, of any nodes, on one folder.
#pragma once

#include "common/archive/archive_folder.h"
#include "common/archive/archive_plan.h"
#include "common/backend/backend.h"

#include <functional>
#include <map>
#include <set>
#include <string>

namespace understudy {

constexpr std::int64_t kSegmentAge_us = 60'000'000;

struct ArchiveOptions {
  std::string directory;     // of the archive; made by the operator
  std::string backend;       // the node's backend.db
  std::string snapshots;     // the node's folder of them
  std::string node;          // its name
  std::int64_t keep_us = 0;  // segments and snapshots older than that may go; 0: for ever
  std::int64_t every_us = kSegmentAge_us;  // longest that a record waits for its segment
};

struct ArchiveReport {
  bool is_known = false;             // the archive was reached: what follows is of that time
  Position last;                     // up to there all is archived
  std::uint64_t behind_records = 0;  // of the log behind it …
  std::uint64_t behind_bytes = 0;
  std::int64_t behind_since_us = 0;  // commit time of the first of them; 0: none
  std::uint64_t segments = 0;        // written by this archiver
  std::uint64_t snapshots = 0;       // likewise
};

class Archiver {
 public:
  using OnProgress = std::function<void(const ArchiveReport&)>;
  // Both are called often, on the thread of look().
  Archiver(ArchiveOptions options, std::function<bool()> is_cancelled, OnProgress on_progress);

  // Copies what is due; `all`: all that is there. Nothing happens while the node has no log. Throws
  // what went wrong with the archive or the log (common/core/errors.h); the next look goes on.
  void look(bool all);
  [[nodiscard]] const ArchiveReport& report() const { return report_; }

 private:
  void open_log();
  void reach_archive();
  [[nodiscard]] std::optional<LogMark> mark_at(Seq seq);
  [[nodiscard]] bool is_still_covered();
  void find_cover();
  void say_gap(Seq base);
  void copy_records(bool all);
  [[nodiscard]] bool is_due(bool all);
  void write_segment();
  void copy_snapshots();
  [[nodiscard]] bool wants(const SnapshotEntry& snapshot) const;
  void archive_snapshot(const SnapshotEntry& snapshot);
  void trim();
  void measure();
  [[nodiscard]] std::string partial(const std::string& folder) const;

  ArchiveOptions options_;
  std::function<bool()> is_cancelled_;
  OnProgress on_progress_;
  ArchiveFolder folder_;
  ArchivePatience patience_;

  // Of one look.
  std::unique_ptr<LogReader> log_;
  LogBounds bounds_;
  History history_;

  StreamId stream_;
  bool was_there_ = false;  // the archive, so that it is missed when it is not
  std::vector<SegmentName> listed_;
  std::int64_t listed_at_us_ = 0;
  std::optional<Position> covered_;
  std::int64_t waits_since_us_ = 0;       // monotonic; 0: nothing waits
  std::set<std::string> seen_snapshots_;  // of the node: archived, or not wanted
  std::int64_t trim_at_us_ = 0;           // monotonic
  Seq gap_said_ = 0;
  ArchiveReport report_;
};

}  // namespace understudy
