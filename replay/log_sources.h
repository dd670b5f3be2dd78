// Log sources: where records and snapshots can come from, as a user names them: a backend.db (or a
// copy of one), a node's state directory, an archive, a snapshot file.
#pragma once

#include "common/backend/backend.h"
#include "common/snapshot/snapshot.h"

#include <memory>
#include <string>
#include <vector>

namespace understudy {

// One contiguous run of records.
struct LogSource {
  std::string name;  // for people: the path of the file
  StreamId stream;
  std::unique_ptr<LogReader> log;
};

struct LogSources {
  std::vector<LogSource> logs;
  std::vector<SnapshotEntry> snapshots;  // of the folders among them, oldest position first
};

// Opens all that the paths name. Throws ConfigError: nothing of ours there, of a newer version, or
// of two different streams (both are named); CorruptionError; IoError.
[[nodiscard]] LogSources open_log_sources(const std::vector<std::string>& paths);

}  // namespace understudy
