#include "bench/workload.h"

#include "common/core/errors.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace understudy::bench {
namespace {

constexpr const char* kWords[] = {
    "the",   "stage", "is",     "dark",    "and",     "somebody", "waits",    "with",
    "a",     "lamp",  "until",  "evening", "curtain", "falls",    "over",     "old",
    "house", "where", "nobody", "speaks",  "loud",    "but",      "everyone", "hears",
    "music", "from",  "below",  "again",   "new",     "actors",   "learn",    "lines"};

}  // namespace

Workload::Workload(const WorkloadOptions& options)
    : options_(options),
      connection_(options.path, Connection::Mode::create, options.busy_timeout_ms),
      random_(options.random_seed) {
  (void)connection_.query_text("PRAGMA journal_mode=WAL");
  execute("PRAGMA synchronous=NORMAL");
  (void)connection_.query_integer(
      fmt::format("PRAGMA wal_autocheckpoint={}", options.autocheckpoint));
  execute(
      fmt::format("CREATE TABLE IF NOT EXISTS messages("
                  "id INTEGER PRIMARY KEY, key {} NOT NULL, body TEXT NOT NULL)",
                  options.key == KeyKind::integer ? "INTEGER" : "TEXT"));
  execute("CREATE INDEX IF NOT EXISTS messages_key ON messages(key)");
  if (!options.extension.empty()) load(options.extension);
  insert_ = std::make_unique<Statement>(
      connection_.prepare("INSERT INTO messages(key, body) VALUES(?1, ?2)"));
}

void Workload::load(const std::string& extension) {
  sqlite3_db_config(connection_.handle(), SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  char* message = nullptr;
  if (sqlite3_load_extension(connection_.handle(), extension.c_str(), nullptr, &message) ==
      SQLITE_OK) {
    return;
  }
  const std::string why = message != nullptr ? message : "no reason given";
  sqlite3_free(message);
  throw Error("cannot load " + extension + ": " + why);
}

// Words, as people write them: neither as compressible as zeros nor as little as random bytes.
const std::string& Workload::next_body() {
  body_.clear();
  std::uint64_t bits = 0;
  for (int left = 0; body_.size() < options_.body_bytes; --left) {
    if (left == 0) {
      bits = random_();
      left = 12;
    }
    body_ += kWords[bits % 32];
    body_ += ' ';
    bits >>= 5;
  }
  body_.resize(options_.body_bytes);
  return body_;
}

void Workload::insert() {
  const std::uint64_t key = random_();
  if (options_.key == KeyKind::text) {
    text_key_ = hex(key);
    insert_->bind(1, std::string_view(text_key_));
  } else {
    insert_->bind(1, static_cast<std::int64_t>(key));
  }
  insert_->bind(2, std::string_view(next_body()));
  insert_->run();
}

std::uint64_t Workload::rows_for_mib(std::uint64_t mib) const {
  const std::size_t index_bytes = options_.key == KeyKind::integer ? 20 : 30;
  return mib * 1024 * 1024 / (options_.body_bytes + 20 + index_bytes);
}

std::int64_t Workload::newest_id() {
  return connection_.query_integer("SELECT max(id) FROM messages").value_or(0);
}

}  // namespace understudy::bench
