// keep_orphans: keeps the records of a log that no other node has, before the log is rewound.
//
// Invariant: when it returns, the file is whole and durable; when it throws (a full disk, a damaged
// log), there is none, and nothing may be rewound. Repeated after a crash it finds the file of
// before, or replaces what was not finished: the name follows from the records.
#pragma once

#include "common/backend/backend.h"

#include <functional>

namespace understudy {

struct OrphansOrigin {
  std::string node;  // whose log it is
  std::string why;   // for people
};

// Reads a page of the database as the last record left it; false: it cannot. What it answers is
// held against the hash on record, so a database that is ahead or behind does no harm.
using LastPageReader = std::function<bool(PageNo page, std::span<std::byte> content)>;

struct KeptOrphans {
  std::string name;  // for the commands
  std::string path;
  std::uint64_t records = 0;
  std::uint64_t pages = 0;          // changed by them, and still there after the last one
  std::uint64_t pages_unknown = 0;  // of these, not given by the reader nor built from records
};

// Keeps all whole records > after, or those that the log still holds of them, in `folder` (created
// when missing). nullopt: there are none. The log must not change meanwhile.
std::optional<KeptOrphans> keep_orphans(LogReader& log, Seq after, const std::string& folder,
                                        const OrphansOrigin& origin,
                                        const LastPageReader& read_page = {},
                                        const std::string& vfs = {});

}  // namespace understudy
