// Connection and Statement: SQLite's C interface with RAII and exceptions (SqliteError).
// A Connection belongs to one thread at a time.
#pragma once

#include "common/core/types.h"

#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace understudy {

class Statement;

// Of the library that this process has: 3040001 is 3.40.1.
[[nodiscard]] int sqlite_version();

class Connection {
 public:
  enum class Mode { read_only, read_write, create };

  // Opens with SQLITE_OPEN_NOMUTEX and a busy timeout of `busy_timeout_ms` (0: answer BUSY at
  // once).
  Connection(const std::string& path, Mode mode, int busy_timeout_ms = 0,
             const std::string& vfs = {});
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  void execute(std::string_view sql);
  [[nodiscard]] Statement prepare(std::string_view sql);
  // The first column of the first row; nullopt when there is no row.
  std::optional<std::int64_t> query_integer(std::string_view sql);
  std::optional<std::string> query_text(std::string_view sql);

  [[nodiscard]] sqlite3* handle() const { return db_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

// A prepared statement. Parameters count from 1, columns from 0. Blobs and texts given to bind()
// must live until the statement is reset.
class Statement {
 public:
  Statement(sqlite3* db, const std::string& path, std::string_view sql);

  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, ByteView blob);
  Statement& bind_null(int parameter);

  // True: a row is there. False: done; the statement is reset and its locks are dropped.
  bool step();
  // Runs to the end and resets; for statements without rows.
  void run();
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] ByteView blob(int column) const;  // valid until the next step or reset
  [[nodiscard]] bool is_null(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  [[noreturn]] void fail(std::string_view doing) const;

  sqlite3* db_;
  std::string path_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// BEGIN IMMEDIATE … COMMIT; rolls back when it is destroyed uncommitted.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

}  // namespace understudy
