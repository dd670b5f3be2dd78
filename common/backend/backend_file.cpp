#include "common/backend/backend_file.h"

#include "common/backend/backend_schema.h"
#include "common/backend/epoch_table.h"
#include "common/core/assert.h"
#include "common/file/file.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace understudy {
namespace {

constexpr std::int64_t kFormatVersion = 3;
constexpr int kBusyTimeoutMs = 5000;  // for an operator's shell that holds a lock

enum class Found { nothing, backend };

// Reads only; throws for a file that must not be touched.
Found recognise(Connection& connection) {
  const auto& path = connection.path();
  const auto application = connection.query_integer("PRAGMA application_id").value_or(0);
  const auto version = connection.query_integer("PRAGMA user_version").value_or(0);
  const auto tables = connection.query_integer("SELECT count(*) FROM sqlite_schema").value_or(0);
  if (application == 0 && version == 0 && tables == 0) return Found::nothing;
  if (application != kBackendApplicationId) {
    throw ConfigError(fmt::format(
        "{} is a database of another program (application_id {}); choose another state directory",
        path, application));
  }
  if (version > kFormatVersion) {
    throw ConfigError(fmt::format(
        "{} was written by a newer version of understudy (format {}, this one knows {}); "
        "upgrade this node",
        path, version, kFormatVersion));
  }
  if (version < 1) throw CorruptionError(fmt::format("{} has format version {}", path, version));
  return Found::backend;
}

void insert_meta(Connection& connection, const StreamId& stream, const Position& base) {
  const LogMeta meta{.stream = stream, .base = base, .cursor = {}};
  const std::string text = stream.to_string();
  connection.prepare("INSERT INTO meta VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(1, text)
      .bind(2, static_cast<std::int64_t>(base.epoch))
      .bind(3, static_cast<std::int64_t>(base.seq))
      .bind(4, static_cast<std::int64_t>(base.sum))
      .bind(5, static_cast<std::int64_t>(meta.base_offset))
      .bind(6, meta.first_id)
      .bind(7, ByteView(meta.cursor))
      .bind(8, static_cast<std::int64_t>(meta.checksum()))
      .run();
}

// Tables, ids and the meta row appear with one commit; a crash before it leaves an empty database,
// which recognise() calls nothing. The pragmas before it must precede the first page.
void create_tables(Connection& connection, const NewLog& fresh) {
  connection.execute(
      "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;"
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  Transaction transaction(connection);
  connection.execute(kBackendSchema);
  insert_meta(connection, fresh.stream, fresh.base);
  write_history(connection, fresh.history);
  transaction.commit();
}

// The statement of the schema that makes a table. Comments in it may have semicolons.
std::string_view table_statement(std::string_view beginning) {
  constexpr std::string_view kEnd = ") STRICT;";
  const auto start = kBackendSchema.find(beginning);
  US_ASSERT(start != std::string_view::npos, "the schema has this table");
  return kBackendSchema.substr(start, kBackendSchema.find(kEnd, start) + kEnd.size() - start);
}

// secure_delete: Debian's SQLite would fill dropped batches with zeros, and log each page of them.
// journal_size_limit: the WAL file keeps this much to be written over, which is quicker than
// growing.
void configure_writer(Connection& connection) {
  const auto mode = connection.query_text("PRAGMA journal_mode = WAL");
  if (mode != "wal") {
    throw ConfigError(
        fmt::format("{} cannot use a write-ahead log (journal_mode stays {}): it needs "
                    "a local file system with shared memory",
                    connection.path(), mode.value_or("?")));
  }
  connection.execute(
      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA journal_size_limit = 16777216; PRAGMA secure_delete = OFF;"
      "PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY");
}

[[noreturn]] void no_backend(const std::string& path) {
  throw ConfigError("there is no backend at " + path);
}

Connection connect(const std::string& path, Connection::Mode mode, const std::string& vfs) {
  try {
    return Connection(path, mode, kBusyTimeoutMs, vfs);
  } catch (const SqliteError& error) {
    if (mode == Connection::Mode::create || (error.code() & 0xff) != SQLITE_CANTOPEN) throw;
    no_backend(path);
  }
}

// What an unfinished creation left behind may not be on disk as it reads now: away with it.
Connection start_over(Connection unfinished, const std::string& vfs) {
  const std::string path = unfinished.path();
  const bool is_new = unfinished.query_integer("PRAGMA page_count").value_or(0) == 0;
  if (is_new) return unfinished;
  { const Connection closed = std::move(unfinished); }
  for (const auto* suffix : {"-wal", "-journal", ""}) File::remove(path + suffix, vfs);
  return connect(path, Connection::Mode::create, vfs);
}

}  // namespace

void move_wal_at_close(Connection& connection, bool does) {
  sqlite3_db_config(connection.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, does ? 0 : 1, nullptr);
}

void write_wal_again(const std::string& path, const std::string& vfs) {
  const std::string wal_path = path + "-wal";
  if (!File::exists(wal_path, vfs)) return;
  File wal(wal_path, File::Mode::read_write, vfs);
  Bytes piece(64 * 1024);
  for (std::uint64_t at = 0;; at += piece.size()) {
    const auto size = wal.read(at, piece);
    wal.write(at, ByteView(piece).first(size));
    if (size < piece.size()) break;
  }
  wal.sync();
}

bool is_damage(const SqliteError& error) {
  const int code = error.code() & 0xff;
  // SQLITE_ERROR: the texts of our statements are fixed, so it is the tables that are not as they
  // should be.
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR ||
         code == SQLITE_FORMAT || code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH;
}

bool is_unfinished(const SqliteError& error) {
  return error.is_busy() || error.code() == SQLITE_READONLY_ROLLBACK ||
         (error.code() & 0xff) == SQLITE_CANTOPEN;
}

Connection open_backend_for_writing(const std::string& path, const std::optional<NewLog>& fresh,
                                    const std::string& vfs) {
  using enum Connection::Mode;
  return reporting_damage(path, [&] {
    auto connection = connect(path, fresh ? create : read_write, vfs);
    move_wal_at_close(connection, false);
    if (recognise(connection) == Found::nothing) {
      if (!fresh) no_backend(path);
      connection = start_over(std::move(connection), vfs);
      move_wal_at_close(connection, false);
      create_tables(connection, *fresh);
    }
    configure_writer(connection);
    return connection;
  });
}

bool needs_upgrade(Connection& connection) {
  return connection.query_integer("PRAGMA user_version").value_or(0) < kFormatVersion;
}

void upgrade_tables(Connection& connection, const StreamId& stream) {
  if (connection.query_integer("PRAGMA user_version") == 1) {
    connection.execute(table_statement("CREATE TABLE epoch "));
    write_history(connection, {unrecorded_first_epoch(stream)});
  }
  connection.execute(
      "ALTER TABLE batch ADD COLUMN cursor BLOB NOT NULL DEFAULT x'';"
      "DROP INDEX IF EXISTS batch_first");
  connection.execute(fmt::format("PRAGMA user_version = {}", kFormatVersion));
}

bool is_backend_there(const std::string& path, const std::string& vfs) {
  if (!File::exists(path, vfs)) return false;
  return reporting_damage(path, [&] {
    auto connection = connect(path, Connection::Mode::read_write, vfs);
    // A look moves nothing: whoever opens it for writing writes the WAL anew before that.
    move_wal_at_close(connection, false);
    return recognise(connection) == Found::backend;
  });
}

Connection open_backend_for_reading(const std::string& path, const std::string& vfs) {
  return reporting_damage(path, [&] {
    auto connection = connect(path, Connection::Mode::read_only, vfs);
    if (recognise(connection) == Found::nothing) no_backend(path);
    connection.execute("PRAGMA cache_size = -1024");
    return connection;
  });
}

}  // namespace understudy
