// The orphans folder of a node: what was kept, and what an operator may do with it.
// Names are those of list_orphans(), with or without ".db"; ConfigError when there is none such.
// Any thread; another process may be keeping orphans meanwhile.
#pragma once

#include "common/orphans/orphan_pages.h"
#include "common/orphans/orphans_file.h"

namespace understudy {

struct OrphansSummary {
  std::string name;
  std::string path;
  OrphansKind kind = OrphansKind::records;
  std::string problem;  // not empty: the file cannot be read, and says why; all below is unknown
  StreamId stream;      // nil for a whole log without records
  std::string node;     // empty for a whole log
  Position fork;        // records begin behind it; of a whole log: where that begins
  Position last;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;          // of the file
  std::uint64_t pages = 0;          // changed and still there at the end; 0 for a whole log
  std::uint64_t pages_unknown = 0;  // of these
  std::int64_t kept_us = 0;
  std::string why;
};

// By name. Damaged files are in it, with their problem.
[[nodiscard]] std::vector<OrphansSummary> list_orphans(const std::string& folder);

// Visits each record, in order, until `visit` answers false. CorruptionError: damaged.
void show_orphans(const std::string& folder, const std::string& name,
                  const std::function<bool(const RecordSummary&)>& visit);
// The epochs of the node when it was kept.
[[nodiscard]] History history_of_orphans(const std::string& folder, const std::string& name);

struct ExportedOrphans {
  std::uint64_t records = 0;
  std::uint64_t pages = 0;
  std::uint64_t pages_unknown = 0;  // left out of table page
};
// Makes an SQLite database at `target`, durable: record(seq, epoch, time, pages, bytes), time in
// ISO 8601, and page(seq, pgno, content): the last content of each changed page, and the orphan
// that left it so. Each content fits its hash on record. ConfigError: `target` exists.
ExportedOrphans export_orphans(const std::string& folder, const std::string& name,
                               const std::string& target);

// Deletes the file, durably.
void discard_orphans(const std::string& folder, const std::string& name);

}  // namespace understudy
