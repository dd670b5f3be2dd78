// SyncRecord: how commits wait, and for whom, as it stands in the lease store (schemas/lease.md).
// Plain value; any thread.
#pragma once

#include "common/core/types.h"

#include <cstddef>
#include <string>
#include <vector>

namespace understudy {

// A standby is in `members` before any commit counts as replicated on its account, and all that was
// ever acknowledged is on each of them.
struct SyncRecord {
  std::size_t count = 0;             // standbys that a commit waits for
  std::vector<std::string> members;  // by name, ascending
  bool is_degraded = false;          // commits do not wait now: nothing is added to `acknowledged`
  // Up to here commits were told that others have them. Degraded: no further; else it is what was
  // known when the record was written, and the members have all of it.
  Seq acknowledged = 0;
  bool operator==(const SyncRecord&) const = default;
};

}  // namespace understudy
