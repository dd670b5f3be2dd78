#include "common/orphans/orphans_file.h"

#include "common/backend/backend_file.h"
#include "common/backend/epoch_table.h"
#include "common/core/errors.h"
#include "common/core/hash.h"
#include "common/file/file.h"
#include "common/orphans/orphans_schema.h"

#include <fmt/format.h>

namespace understudy {
namespace {

constexpr std::int64_t kOrphansId = 0x5553744f;
constexpr std::int64_t kBackendId = 0x55537467;
constexpr int kBusyTimeoutMs = 2000;

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

std::uint64_t as_unsigned(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

Position read_position(const Statement& row, int column) {
  return {as_unsigned(row.integer(column)), as_unsigned(row.integer(column + 1)),
          as_unsigned(row.integer(column + 2))};
}

void bind_position(Statement& row, int parameter, const Position& position) {
  row.bind(parameter, as_signed(position.epoch))
      .bind(parameter + 1, as_signed(position.seq))
      .bind(parameter + 2, as_signed(position.sum));
}

std::uint64_t checksum(const OrphansHead& head) {
  const auto signs = [](const Position& position) {
    return fmt::format("{}\n{}\n{}", as_signed(position.epoch), as_signed(position.seq),
                       as_signed(position.sum));
  };
  const auto text = fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n", head.stream.to_string(),
                                head.node, signs(head.fork), signs(head.last), head.page_size,
                                head.page_count, head.kept_us, head.why);
  return xxh3(std::as_bytes(std::span(text)));
}

class OrphansLog final : public LogReader {
 public:
  OrphansLog(const std::string& path, const std::string& vfs)
      : connection_(path, Connection::Mode::read_only, kBusyTimeoutMs, vfs),
        batches_(connection_.prepare(
            "SELECT payload FROM batch WHERE id >= coalesce((SELECT id FROM batch WHERE "
            "(first_seq, first_part) <= (?1, ?2) ORDER BY id DESC LIMIT 1), 0) ORDER BY id")) {
    const auto head = read_head(connection_);
    if (!head) throw ConfigError(path + " is no orphans file, or not a whole one");
    head_ = *head;
  }

  LogBounds bounds() override {
    return {.base = head_.fork, .last = head_.last, .next = {head_.last.seq + 1, 0}};
  }
  History history() override { return read_epoch_table(connection_); }
  std::optional<Position> position_at(Seq seq) override {
    if (seq == head_.fork.seq) return head_.fork;
    if (seq == head_.last.seq) return head_.last;
    return std::nullopt;
  }
  std::vector<Bytes> read(PartKey from, std::size_t max_bytes) override;

 private:
  Connection connection_;
  Statement batches_;
  OrphansHead head_;
};

std::vector<Bytes> OrphansLog::read(PartKey from, std::size_t max_bytes) {
  std::vector<Bytes> blobs;
  if (from.seq <= head_.fork.seq || from.seq > head_.last.seq) return blobs;
  std::size_t bytes = 0;
  batches_.bind(1, as_signed(from.seq)).bind(2, std::int64_t{from.part});
  while (bytes < max_bytes && batches_.step()) {
    const auto blob = batches_.blob(0);
    bytes += blob.size();
    blobs.emplace_back(blob.begin(), blob.end());
  }
  batches_.reset();
  return blobs;
}

}  // namespace

OrphansKind recognise_orphans(const std::string& path, const std::string& vfs) {
  try {
    Connection connection(path, Connection::Mode::read_only, 0, vfs);
    const auto id = connection.query_integer("PRAGMA application_id").value_or(0);
    if (id == kBackendId) return OrphansKind::whole_log;
    if (id != kOrphansId) return OrphansKind::nothing;
    return read_head(connection) ? OrphansKind::records : OrphansKind::nothing;
  } catch (const SqliteError& error) {
    if (is_unfinished(error)) return OrphansKind::nothing;
    throw;
  }
}

Connection connect_for_keeping(const std::string& path, const std::string& vfs) {
  Connection connection(path, Connection::Mode::create, kBusyTimeoutMs, vfs);
  // EXTRA: the end of the journal, which is the commit, is durable too.
  connection.execute(
      "PRAGMA page_size = 4096; PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;"
      "PRAGMA cache_size = -8192");
  return connection;
}

void create_orphans_tables(Connection& connection) {
  connection.execute(kOrphansSchema);
}

void write_head(Connection& connection, const OrphansHead& head) {
  const std::string stream = head.stream.to_string();
  auto row = connection.prepare(
      "INSERT INTO orphans VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
  row.bind(1, stream).bind(2, head.node);
  bind_position(row, 3, head.fork);
  bind_position(row, 6, head.last);
  row.bind(9, std::int64_t{head.page_size})
      .bind(10, std::int64_t{head.page_count})
      .bind(11, head.kept_us)
      .bind(12, head.why)
      .bind(13, as_signed(checksum(head)))
      .run();
}

std::optional<OrphansHead> read_head(Connection& connection) {
  if (connection.query_integer("SELECT count(*) FROM sqlite_schema WHERE name = 'orphans'") != 1) {
    return std::nullopt;
  }
  auto row = connection.prepare(
      "SELECT stream, node, fork_epoch, fork_seq, fork_sum, last_epoch, last_seq, last_sum, "
      "page_size, page_count, kept_us, why, checksum FROM orphans");
  if (!row.step()) return std::nullopt;
  const auto stream = StreamId::parse(row.text(0));
  OrphansHead head{.stream = stream.value_or(StreamId{}),
                   .node = row.text(1),
                   .fork = read_position(row, 2),
                   .last = read_position(row, 5),
                   .page_size = static_cast<std::uint32_t>(row.integer(8)),
                   .page_count = static_cast<PageNo>(row.integer(9)),
                   .kept_us = row.integer(10),
                   .why = row.text(11)};
  if (as_unsigned(row.integer(12)) != checksum(head) || head.last.seq <= head.fork.seq) {
    throw CorruptionError(connection.path() + " is damaged: its table orphans");
  }
  return head;
}

std::unique_ptr<LogReader> open_orphans_log(const std::string& path, const std::string& vfs) {
  return std::make_unique<OrphansLog>(path, vfs);
}

}  // namespace understudy
