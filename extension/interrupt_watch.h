// InterruptWatch: was sqlite3_interrupt() called while we wait? SQLite tells that only to running
// statements (before version 3.41), so one runs: rows without end, one for each look.
#pragma once

struct sqlite3;
struct sqlite3_stmt;

namespace understudy::extension {

class InterruptWatch {
 public:
  explicit InterruptWatch(sqlite3* db) : db_(db) {}
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  // Since the first call. Also true when a progress handler of the application says so.
  bool is_interrupted();

 private:
  sqlite3* db_;
  sqlite3_stmt* endless_ = nullptr;
  bool is_blind_ = false;  // an authorizer of the application forbids the statement
};

}  // namespace understudy::extension
