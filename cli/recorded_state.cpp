#include "cli/recorded_state.h"

#include "common/backend/log_tables.h"
#include "common/core/errors.h"
#include "common/file/file.h"
#include "common/replica/applied_ring.h"

#include <fmt/format.h>

namespace understudy {

RecordedState read_backend_position(const FoundNode& node) {
  const auto path = node.directory.backend();
  if (!File::exists(path)) {
    throw ConfigError(
        fmt::format("nothing is on record for {} yet: there is no {}; wait for the "
                    "first scan or copy to end (understudy status {})",
                    node.database, path, node.database));
  }
  constexpr int kBusyTimeout_ms = 5000;
  Connection connection(path, Connection::Mode::read_only, kBusyTimeout_ms);
  LogTables tables(connection);
  // One read transaction: position and cursor belong together.
  const auto snapshot = tables.snapshot();
  const auto meta = tables.meta();
  RecordedState state{tables.bounds(meta).last, std::nullopt};
  if (node.identity.role == NodeRole::primary)
    state.cursor = wal::Cursor::decode(tables.cursor(meta));
  return state;
}

std::optional<Position> find_applied(const FoundNode& node, const wal::Cursor& cursor) {
  const auto ring = AppliedRing::open_read_only(node.directory.applied(), node.identity.stream);
  return ring ? ring->find(cursor) : std::nullopt;
}

}  // namespace understudy
