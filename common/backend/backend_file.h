// A backend.db as a file: created whole or not at all, recognised, refused.
//
// What an existing file can be, and what follows:
//   empty, or a database without tables  a creation that did not get to its end → created again
//   another application_id               ConfigError: some other program's
//   a higher user_version                ConfigError: a newer Understudy's
//   not a database                       CorruptionError
//   a lower user_version                 opened; upgraded by the writer (upgrade_tables)
//   anything else                        opened
#pragma once

#include "common/backend/log_tables.h"
#include "common/core/errors.h"

namespace understudy {

// "UStg": what tells a backend.db from other databases.
constexpr std::int64_t kBackendApplicationId = 0x55537467;

// What a new file starts with.
struct NewLog {
  StreamId stream;
  Position base;
  History history;  // ends with the epoch of base
};

// Connects for writing, sets what the writer needs, creates the tables when there are none.
// No `fresh`: nothing is created, a missing file is a ConfigError. Until write_wal_again() its end
// leaves the WAL where it is (move_wal_at_close).
Connection open_backend_for_writing(const std::string& path, const std::optional<NewLog>& fresh,
                                    const std::string& vfs);
// Whether the connection's end moves the WAL into the file. It must not before write_wal_again():
// the file would be newer than what the disk holds of the WAL, and a power loss might bring that
// back.
void move_wal_at_close(Connection& connection, bool does);
// True: the file is of an earlier version.
bool needs_upgrade(Connection& connection);
// Makes the file one of this version, within the caller's write transaction.
void upgrade_tables(Connection& connection, const StreamId& stream);
// Makes durable what recovery has found in the WAL, before anything is built on it. A process that
// ended between writing and syncing a commit leaves it there. To sync it now is not enough: after a
// failed sync the kernel takes those pages for clean while the disk does not hold them, and a power
// loss would put an older WAL beside a newer file. So the same bytes are written once more, and
// synced. Requires to be the only writer.
void write_wal_again(const std::string& path, const std::string& vfs);
// Connects read-only; ConfigError when there is no (finished) backend.
Connection open_backend_for_reading(const std::string& path, const std::string& vfs);

// False: no file, or one whose creation did not get to its end.
bool is_backend_there(const std::string& path, const std::string& vfs);

// True: the database says that its bytes are not what it wrote.
bool is_damage(const SqliteError& error);
// True: the file is locked by its writer, or gone, or holds a commit that did not end and that a
// reader may not take back.
bool is_unfinished(const SqliteError& error);

// Runs `work`, and turns SQLite's words for damage into a CorruptionError.
template <typename Work>
auto reporting_damage(const std::string& path, Work work) {
  try {
    return work();
  } catch (const SqliteError& error) {
    if (!is_damage(error)) throw;
    throw CorruptionError(path + " is damaged: " + error.what());
  }
}

}  // namespace understudy
