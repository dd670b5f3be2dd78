// The workload that every benchmark writes: one table with an INTEGER PRIMARY KEY, one index on a
// random key, a body of about 100 bytes; one row a transaction. An ordinary application on SQLite:
// nothing of Understudy is used but its wrapper of SQLite's C interface.
// One thread at a time.
#pragma once

#include "common/sqlite/connection.h"

#include <cstdint>
#include <random>
#include <string>

namespace understudy::bench {

enum class KeyKind { integer, text };

struct WorkloadOptions {
  std::string path;
  KeyKind key = KeyKind::integer;
  std::size_t body_bytes = 100;
  int autocheckpoint = 1000;  // SQLite's default
  int busy_timeout_ms = 0;
  std::uint64_t random_seed = 1;
  std::string extension;  // to load; empty: none
};

class Workload {
 public:
  // Opens or creates the database: WAL, synchronous=NORMAL, table and index.
  explicit Workload(const WorkloadOptions& options);

  // One row in a transaction of its own (or in the one that is open); the row's id follows on.
  void insert();
  void execute(const std::string& sql) { connection_.execute(sql); }
  // Rows to fill `mib` MiB with; for large transactions and databases.
  [[nodiscard]] std::uint64_t rows_for_mib(std::uint64_t mib) const;
  [[nodiscard]] std::int64_t newest_id();

 private:
  const std::string& next_body();
  void load(const std::string& extension);

  WorkloadOptions options_;
  Connection connection_;
  std::mt19937_64 random_;
  std::string text_key_;
  std::string body_;
  std::unique_ptr<Statement> insert_;
};

}  // namespace understudy::bench
