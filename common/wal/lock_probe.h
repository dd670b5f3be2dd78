// LockProbe: who holds a lock of the wal-index, asked without taking it.
//
// Question answered: is a checkpoint running, without ever being in its way? Trying the lock would
// hold it for an instant, and a checkpoint of the application that starts in this instant fails
// with SQLITE_BUSY, busy timeout or not. fcntl(F_GETLK) on the descriptor that SQLite has open
// answers without a lock. Nothing is opened or closed: that would drop the process's locks.
//
// POSIX locks belong to processes: locks that this process holds itself are not seen.
#pragma once

#include "common/wal/shared_index.h"

#include <sys/types.h>

namespace understudy::wal {

class LockProbe {
 public:
  // `database_path` is mapped already by a connection of this process that outlives the probe.
  // Throws IoError when SQLite's descriptor of the -shm file is not found.
  explicit LockProbe(const std::string& database_path);

  // The process that holds the lock (shared or exclusive); nullopt: no other process does.
  [[nodiscard]] std::optional<pid_t> holder(Lock lock) const;

 private:
  std::string path_;
  int descriptor_ = -1;  // SQLite's, never closed here
};

}  // namespace understudy::wal
