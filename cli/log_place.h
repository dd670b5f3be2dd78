// What the user of `understudy log` named: where the records and snapshots are, and of which
// database.
#pragma once

#include "cli/commands.h"
#include "replay/log_sources.h"

namespace understudy {

struct LogPlace {
  std::string backend;    // empty: an archive, or a snapshot alone
  std::string archive;    // folder of one; empty: none
  std::string snapshots;  // folder; empty: none
  std::string snapshot;   // a snapshot file alone
  std::string database;   // whose pages they are; empty: not known, or not there
};

// Throws ConfigError when there is nothing of that name.
[[nodiscard]] LogPlace find_log_place(const std::string& source);
// The records that the command asks for are in it, if anywhere. Throws as open_log_sources() does.
[[nodiscard]] LogSource open_log(const LogPlace& place, const LogCommand& command);
[[nodiscard]] std::vector<std::string> snapshot_files(const LogPlace& place);

}  // namespace understudy
