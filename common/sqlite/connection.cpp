#include "common/sqlite/connection.h"

#include "common/core/errors.h"

#include <sqlite3.h>

namespace understudy {
namespace {

int open_flags(Connection::Mode mode) {
  constexpr int kCommon = SQLITE_OPEN_NOMUTEX;
  switch (mode) {
    case Connection::Mode::read_only:
      return kCommon | SQLITE_OPEN_READONLY;
    case Connection::Mode::read_write:
      return kCommon | SQLITE_OPEN_READWRITE;
    case Connection::Mode::create:
      return kCommon | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  }
  return kCommon;
}

[[noreturn]] void fail(sqlite3* db, std::string_view doing, const std::string& path) {
  throw SqliteError(doing, path, sqlite3_extended_errcode(db), sqlite3_errmsg(db));
}

}  // namespace

void Connection::Close::operator()(sqlite3* db) const {
  sqlite3_close_v2(db);
}

int sqlite_version() {
  return sqlite3_libversion_number();
}

Connection::Connection(const std::string& path, Mode mode, int busy_timeout_ms,
                       const std::string& vfs)
    : path_(path) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &db, open_flags(mode), vfs.empty() ? nullptr : vfs.c_str());
  db_.reset(db);
  if (code != SQLITE_OK) {
    throw SqliteError("open", path_, db ? sqlite3_extended_errcode(db) : code,
                      db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, busy_timeout_ms);
}

Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

void Connection::execute(std::string_view sql) {
  const std::string text(sql);
  if (sqlite3_exec(db_.get(), text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(db_.get(), "execute \"" + text + "\" in", path_);
  }
}

Statement Connection::prepare(std::string_view sql) {
  return Statement(db_.get(), path_, sql);
}

std::optional<std::int64_t> Connection::query_integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement.step()) return std::nullopt;
  return statement.integer(0);
}

std::optional<std::string> Connection::query_text(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement.step()) return std::nullopt;
  return statement.text(0);
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(sqlite3* db, const std::string& path, std::string_view sql)
    : db_(db), path_(path) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) fail("prepare \"" + std::string(sql) + "\" in");
}

void Statement::fail(std::string_view doing) const {
  understudy::fail(db_, doing, path_);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  if (sqlite3_bind_int64(statement_.get(), parameter, value) != SQLITE_OK) fail("bind in");
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  if (sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_STATIC,
                          SQLITE_UTF8) != SQLITE_OK) {
    fail("bind in");
  }
  return *this;
}

Statement& Statement::bind(int parameter, ByteView blob) {
  // A null pointer would bind NULL; an empty blob must stay a blob.
  const void* data = blob.empty() ? static_cast<const void*>("") : blob.data();
  if (sqlite3_bind_blob64(statement_.get(), parameter, data, blob.size(), SQLITE_STATIC) !=
      SQLITE_OK) {
    fail("bind in");
  }
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  if (sqlite3_bind_null(statement_.get(), parameter) != SQLITE_OK) fail("bind in");
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    const SqliteError error("read or write", path_, sqlite3_extended_errcode(db_),
                            sqlite3_errmsg(db_));
    sqlite3_reset(statement_.get());
    throw error;
  }
  sqlite3_reset(statement_.get());
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* data = sqlite3_column_text(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return data == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(data), size);
}

ByteView Statement::blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Transaction::Transaction(Connection& connection) : connection_(connection) {
  connection_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  connection_.execute("COMMIT");
  open_ = false;
}

}  // namespace understudy
