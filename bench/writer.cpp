// An application that writes: single-row transactions as fast as it can or at a rate, one large
// transaction, or a database of a given size. Prints one line of JSON: how many, how fast, and how
// long COMMIT took.
#include "bench/latencies.h"
#include "bench/workload.h"
#include "common/core/errors.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>

using namespace understudy;
using namespace understudy::bench;

namespace {

struct WriterOptions {
  WorkloadOptions workload;
  std::uint64_t transactions = 0;
  double rate = 0;  // transactions a second; 0 is as fast as possible
  std::uint64_t one_transaction_mib = 0;
  std::uint64_t fill_mib = 0;
};

void write_transactions(Workload& workload, const WriterOptions& options) {
  Latencies commits(options.transactions);
  const auto step_ns = options.rate > 0 ? static_cast<std::int64_t>(1e9 / options.rate) : 0;
  const std::int64_t start = now_ns();
  for (std::uint64_t i = 0; i < options.transactions; ++i) {
    if (step_ns > 0) {
      sleep_until_ns(start + static_cast<std::int64_t>(i) * step_ns);
    }
    const std::int64_t before = now_ns();
    workload.insert();
    commits.add(now_ns() - before);
  }
  const double seconds = static_cast<double>(now_ns() - start) / 1e9;
  fmt::print(
      "{{\"transactions\":{},\"seconds\":{:.6f},\"per_second\":{:.1f},\"newest_id\":{},"
      "\"commit_us\":{}}}\n",
      options.transactions, seconds, static_cast<double>(options.transactions) / seconds,
      workload.newest_id(), commits.to_json());
}

// One transaction, far larger than SQLite's page cache: it spills into the WAL before it commits.
void write_one_transaction(Workload& workload, std::uint64_t mib) {
  const std::uint64_t rows = workload.rows_for_mib(mib);
  const std::int64_t start = now_ns();
  workload.execute("BEGIN IMMEDIATE");
  for (std::uint64_t row = 0; row < rows; ++row) {
    workload.insert();
  }
  workload.execute("COMMIT");
  const double seconds = static_cast<double>(now_ns() - start) / 1e9;
  fmt::print("{{\"transactions\":1,\"rows\":{},\"seconds\":{:.6f},\"newest_id\":{}}}\n", rows,
             seconds, workload.newest_id());
}

// Fills a new database, not measured: without the index's random writes, without syncs.
void fill_database(Workload& workload, std::uint64_t mib) {
  const std::uint64_t rows = workload.rows_for_mib(mib);
  workload.execute("PRAGMA synchronous=OFF");
  workload.execute("PRAGMA cache_size=-65536");
  workload.execute("DROP INDEX messages_key");
  for (std::uint64_t row = 0; row < rows;) {
    workload.execute("BEGIN IMMEDIATE");
    for (std::uint64_t end = std::min(rows, row + 20000); row < end; ++row) {
      workload.insert();
    }
    workload.execute("COMMIT");
  }
  workload.execute("CREATE INDEX messages_key ON messages(key)");
  workload.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  fmt::print("{{\"rows\":{},\"newest_id\":{}}}\n", rows, workload.newest_id());
}

void add_options(CLI::App& app, WriterOptions& options) {
  WorkloadOptions& workload = options.workload;
  app.add_option("database", workload.path)->required();
  app.add_option("--transactions", options.transactions, "Single-row transactions to write");
  app.add_option("--rate", options.rate, "Transactions a second; 0: as fast as possible");
  app.add_option("--one-transaction-mib", options.one_transaction_mib);
  app.add_option("--fill-mib", options.fill_mib, "Make a database of this size");
  app.add_option("--body-bytes", workload.body_bytes);
  app.add_option("--autocheckpoint", workload.autocheckpoint);
  app.add_option("--busy-timeout-ms", workload.busy_timeout_ms);
  app.add_option("--extension", workload.extension, "A SQLite extension to load");
  app.add_option("--seed", workload.random_seed);
  app.add_flag_callback("--text-key", [&workload] { workload.key = KeyKind::text; });
}

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_TIMERSLACK, 1000);  // pacing to a microsecond, not to the default 50
  WriterOptions options;
  CLI::App app("Writes single-row transactions and prints how fast");
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    Workload workload(options.workload);
    if (options.fill_mib > 0) {
      fill_database(workload, options.fill_mib);
    } else if (options.one_transaction_mib > 0) {
      write_one_transaction(workload, options.one_transaction_mib);
    } else {
      write_transactions(workload, options);
    }
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
