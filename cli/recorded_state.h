// RecordedState: where a node's files say that its database stands: a position, and the WAL prefix
// that shows it. Read while the node's process runs, or not. Changes nothing.
#pragma once

#include "cli/node_path.h"
#include "common/wal/wal_format.h"

#include <optional>

namespace understudy {

struct RecordedState {
  Position position;
  std::optional<wal::Cursor> cursor;  // nullopt: no prefix of the WAL is known to show it
};

// The last position of the backend; on a primary with the cursor that is stored with it.
// Throws ConfigError when nothing is on record yet.
RecordedState read_backend_position(const FoundNode& node);
// Standby: the position that the ring file `applied` names for this very prefix.
std::optional<Position> find_applied(const FoundNode& node, const wal::Cursor& cursor);

}  // namespace understudy
