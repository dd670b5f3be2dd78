// Checks that a database can be published, and switches it to WAL mode when asked to.
// Before anything of ours is made: a refused database leaves no trace. Main thread; no other
// connection of this process to the database may be open (POSIX locks, see docs/decisions).
#pragma once

#include <string>

namespace understudy {

// Throws ConfigError, in words for the user, when the database cannot be attached to. With
// `enable_wal` a rollback-journal database is switched to WAL mode first.
void prepare_for_publishing(const std::string& database, bool enable_wal);

}  // namespace understudy
