// A whole log is put aside: it becomes a file among the orphans, and a new log can begin in its
// place.
//
// Invariant, whatever step a crash comes at: either the log is where it was, as it was, or all of
// it is among the orphans. One rename decides, so the file alone must be the log before that.
#pragma once

#include "common/core/types.h"

#include <functional>
#include <optional>
#include <string>

namespace understudy {

// Of a log at `path` that nobody writes any more and that ends at `last`; durable from its return.
// Waits for those who still read an earlier state of it. The file that it is now; nullopt, and
// nothing done: `is_stopping` said so meanwhile. Any thread. Throws IoError, SqliteError,
// CorruptionError.
[[nodiscard]] std::optional<std::string> move_log_aside(const std::string& path,
                                                        const Position& last,
                                                        const std::string& folder,
                                                        const std::function<bool()>& is_stopping);

}  // namespace understudy
