// LogReader over a connection of its own: short read transactions, so that it never keeps the
// writer's WAL from being restarted for long.
#include "common/backend/backend_file.h"
#include "common/backend/epoch_table.h"
#include "common/backend/log_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace understudy {
namespace {

class SqliteLogReader final : public LogReader {
 public:
  SqliteLogReader(std::string path, const std::string& vfs)
      : path_(std::move(path)),
        connection_(open_backend_for_reading(path_, vfs)),
        tables_(connection_) {}

  LogBounds bounds() override;
  std::vector<Bytes> read(PartKey from, std::size_t max_bytes) override;
  std::optional<Position> position_at(Seq seq) override;
  History history() override;
  std::uint64_t bytes_after(Seq seq) override;

 private:
  [[nodiscard]] std::optional<BatchRow> holder(const LogMeta& meta, PartKey part);
  [[nodiscard]] std::optional<Position> position_inside(const BatchRow& row, Seq seq);

  std::string path_;
  Connection connection_;
  LogTables tables_;
};

LogBounds SqliteLogReader::bounds() {
  return reporting_damage(path_, [&] {
    const auto snapshot = tables_.snapshot();
    return tables_.bounds(tables_.meta());
  });
}

// The row that holds `part`. A part that no row holds must lie behind the last row: a hole inside
// the log (a lost row) is not "nothing there".
std::optional<BatchRow> SqliteLogReader::holder(const LogMeta& meta, PartKey part) {
  const auto row = tables_.floor_row(meta, part);
  if (row && part <= row->header.last) return row;
  const auto last = tables_.last_row(meta);
  if (last && part < last->header.next()) {
    tables_.damaged(fmt::format("no row holds part {}.{}", part.seq, part.part));
  }
  return std::nullopt;
}

History SqliteLogReader::history() {
  return reporting_damage(path_, [&] {
    const auto snapshot = tables_.snapshot();
    return read_history(connection_, tables_.meta().stream);
  });
}

std::vector<Bytes> SqliteLogReader::read(PartKey from, std::size_t max_bytes) {
  return reporting_damage(path_, [&] {
    std::vector<Bytes> blobs;
    const auto snapshot = tables_.snapshot();
    const auto meta = tables_.meta();
    if (from.seq <= meta.base.seq) return blobs;
    const auto first = holder(meta, from);
    if (!first) return blobs;
    std::size_t bytes = 0;
    tables_.scan(meta, first->id, [&](const BatchRow&, const BatchView& view) {
      if (!blobs.empty() && bytes + view.blob.size() > max_bytes) return false;
      bytes += view.blob.size();
      blobs.emplace_back(view.blob.begin(), view.blob.end());
      return bytes < max_bytes;
    });
    return blobs;
  });
}

std::optional<Position> SqliteLogReader::position_at(Seq seq) {
  return reporting_damage(path_, [&]() -> std::optional<Position> {
    const auto snapshot = tables_.snapshot();
    const auto meta = tables_.meta();
    if (seq == meta.base.seq) return meta.base;
    if (seq < meta.base.seq) return std::nullopt;
    // The last row that begins in or before the record is the one in which it ends, if it does.
    const auto row = tables_.floor_row(meta, {seq, std::numeric_limits<std::uint32_t>::max()});
    if (!row || seq > row->header.last.seq) {
      const auto last = tables_.last_row(meta);
      if (last && seq <= last->header.last.seq) {
        tables_.damaged(fmt::format("no row holds record {}", seq));
      }
      return std::nullopt;
    }
    if (seq < row->header.last.seq) return position_inside(*row, seq);
    if (!row->header.closed) return std::nullopt;
    return Position{row->header.epoch, seq, row->header.sum_after};
  });
}

std::uint64_t SqliteLogReader::bytes_after(Seq seq) {
  return reporting_damage(path_, [&]() -> std::uint64_t {
    const auto snapshot = tables_.snapshot();
    const auto meta = tables_.meta();
    const auto last = tables_.last_row(meta);
    const auto from = std::max(seq, meta.base.seq) + 1;
    if (!last || last->header.last.seq < from) return 0;
    const auto first = holder(meta, {from, 0});
    return first ? last->end_offset - (first->end_offset - first->size) : 0;
  });
}

std::optional<Position> SqliteLogReader::position_inside(const BatchRow& row, Seq seq) {
  if (const auto position = position_in_batch(tables_.payload(row), seq)) return position;
  tables_.damaged(fmt::format("row {} does not hold the end of record {}", row.id, seq));
}

}  // namespace

StreamId stream_of_sqlite_backend(const std::string& path) {
  auto connection = open_backend_for_reading(path, {});
  LogTables tables(connection);
  return reporting_damage(path, [&] {
    const auto snapshot = tables.snapshot();
    return tables.meta().stream;
  });
}

std::unique_ptr<LogReader> open_sqlite_log_reader(const std::string& path, const std::string& vfs) {
  return std::make_unique<SqliteLogReader>(path, vfs);
}

}  // namespace understudy
