#include "common/replica/checkpointer.h"

namespace understudy {

Checkpointer::Checkpointer(const std::string& path, const std::string& vfs)
    : connection_(path, Connection::Mode::read_write, 0, vfs) {
  // A checkpoint syncs only if synchronous is not OFF; do not depend on a build's default.
  connection_.execute("PRAGMA synchronous=NORMAL");
}

std::optional<Checkpointer::Result> Checkpointer::run() {
  auto statement = connection_.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  if (!statement.step() || statement.integer(0) != 0) return std::nullopt;
  const auto frames = statement.integer(1);
  const auto backfilled = statement.integer(2);
  if (frames < 0) return Result{};
  return Result{static_cast<std::uint32_t>(frames), static_cast<std::uint32_t>(backfilled)};
}

}  // namespace understudy
