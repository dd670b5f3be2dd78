// Where the WAL of a connection's main database stands, read from the shared memory that the
// connection has mapped anyway: no file is opened, no lock is taken.
#pragma once

#include <cstdint>

struct sqlite3;

namespace understudy::extension {

struct WalPosition {
  std::uint64_t salts = 0;  // of this generation, as they stand in the wal-index
  std::uint64_t frame = 0;
};

// False: not in WAL mode, or the header is not valid at this moment.
bool read_wal_position(sqlite3* db, WalPosition& position);

}  // namespace understudy::extension
