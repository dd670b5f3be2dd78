// Checkpointer: moves frames from the replica's WAL into the database file, on an SQLite
// connection of its own, PASSIVE: it waits for nobody and nobody waits for it.
//
// It may run in another thread than the one that appends: that is what SQLite itself allows any
// connection to do. It takes CKPT before it reads the header and keeps it to its end, and the
// appender resets the WAL only with CKPT in its own hands, so a checkpoint never spans a reset.
//
// Close it before the Replica: the last connection to close would delete the WAL, and the position
// would have to be found by reading the whole file.
#pragma once

#include "common/sqlite/connection.h"

namespace understudy {

class Checkpointer {
 public:
  explicit Checkpointer(const std::string& path, const std::string& vfs = {});

  struct Result {
    std::uint32_t frames = 0;      // in the WAL when it began
    std::uint32_t backfilled = 0;  // of them, now in the database file
  };
  // nullopt: another checkpoint is running. Syncs the WAL, and the database file too when it has
  // everything. Throws SqliteError.
  std::optional<Result> run();

 private:
  Connection connection_;
};

}  // namespace understudy
