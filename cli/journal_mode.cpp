#include "cli/journal_mode.h"

#include "common/core/errors.h"
#include "common/logging/log.h"
#include "common/sqlite/connection.h"
#include "common/wal/attachable.h"
#include "common/wal/raw_database.h"

#include <fmt/format.h>

namespace understudy {
namespace {

constexpr int kBusyTimeout_ms = 5000;

// The answer to PRAGMA journal_mode: the mode that the database is in afterwards.
std::string pragma_journal_mode(const std::string& database, const char* sql) {
  try {
    Connection connection(database, Connection::Mode::read_write, kBusyTimeout_ms);
    // Reads the header, so that foreign bytes are found out here.
    connection.query_integer("SELECT count(*) FROM sqlite_schema");
    return connection.query_text(sql).value_or("");
  } catch (const SqliteError& error) {
    if (!error.is_busy()) throw ConfigError(error.what());
    throw ConfigError(fmt::format(
        "{} is locked by another program, so its journal mode cannot be changed now; stop the "
        "application for a moment, or run there: PRAGMA journal_mode=WAL",
        database));
  }
}

void enable_wal(const std::string& database) {
  wal::check_file_system(database);
  const auto before = pragma_journal_mode(database, "PRAGMA journal_mode");
  if (before == "wal") return;
  const auto after = pragma_journal_mode(database, "PRAGMA journal_mode=WAL");
  if (after != "wal") {
    throw ConfigError(fmt::format(
        "{} stays in journal mode {}; does its file system allow shared memory?", database, after));
  }
  log::info("wal_enabled", "the database is in WAL mode now, and stays so",
            {{"database", database}, {"before", before}});
}

}  // namespace

void prepare_for_publishing(const std::string& database, bool may_enable_wal) {
  if (may_enable_wal) enable_wal(database);
  const wal::RawDatabase probe(database);
}

}  // namespace understudy
