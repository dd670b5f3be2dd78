#include "common/backend/wal_upkeep.h"

#include "common/backend/backend_file.h"
#include "common/core/errors.h"

#include <sqlite3.h>

namespace understudy {
namespace {

Connection connect_worker(const std::string& path, const std::string& vfs) {
  Connection connection(path, Connection::Mode::read_write, 0, vfs);
  // FULL: the WAL is synced before its pages go into the file, and the file before the frames count
  // as moved.
  connection.execute(
      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA cache_size = -256");
  sqlite3_db_config(connection.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return connection;
}

}  // namespace

std::uint32_t WalProgress::backlog() const {
  const auto all = written.load(std::memory_order_relaxed);
  const auto done = moved.load(std::memory_order_relaxed);
  return done <= all ? all - done : all;
}

WalUpkeep::WalUpkeep(const std::string& path, const std::string& vfs,
                     std::shared_ptr<WalProgress> progress)
    : path_(path),
      worker_(connect_worker(path, vfs)),
      holder_(path, Connection::Mode::read_only, 0, vfs),
      hold_(holder_.prepare("BEGIN")),
      look_(holder_.prepare("SELECT first_id FROM meta")),
      release_(holder_.prepare("COMMIT")),
      progress_(std::move(progress)) {}

// What is appended while the bulk moves is less each time round.
void WalUpkeep::run() {
  constexpr int kRounds = 4;
  run_once();
  for (int round = 1; round < kRounds && progress_->backlog() > kShortRestFrames; ++round)
    run_once();
}

void WalUpkeep::run_once() {
  reporting_damage(path_, [&] {
    const Snapshot hold(hold_, release_);
    look_.run();  // the lock is taken with the first read
    int frames = 0;
    int moved = 0;
    const int code = sqlite3_wal_checkpoint_v2(worker_.handle(), "main", SQLITE_CHECKPOINT_PASSIVE,
                                               &frames, &moved);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return;  // somebody else is at it
    if (code != SQLITE_OK) {
      throw SqliteError("move the log's own WAL into", path_,
                        sqlite3_extended_errcode(worker_.handle()),
                        sqlite3_errmsg(worker_.handle()));
    }
    // Told while the hold lasts: it is still the same generation.
    if (moved >= 0) progress_->moved.store(static_cast<std::uint32_t>(moved));
  });
}

}  // namespace understudy
