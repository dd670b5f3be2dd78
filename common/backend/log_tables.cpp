#include "common/backend/log_tables.h"

#include "common/backend/cursor_column.h"
#include "common/core/byte_order.h"
#include "common/core/errors.h"
#include "common/core/hash.h"

#include <fmt/format.h>

#include <limits>

namespace understudy {
namespace {

constexpr const char* kColumns =
    "id, first_seq, first_part, last_seq, last_part, closed, epoch, records, raw_bytes, time_us, "
    "sum_before, sum_after, end_offset, length(payload)";

std::string select(std::string_view columns, std::string_view rest) {
  return fmt::format("SELECT {} FROM batch {}", columns, rest);
}

std::uint64_t as_unsigned(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

void put(Bytes& out, std::uint64_t value) {
  out.resize(out.size() + sizeof value);
  store_le(out.data() + out.size() - sizeof value, value);
}

void put(Bytes& out, ByteView bytes) {
  put(out, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::string describe(const BatchRow& row) {
  const auto& h = row.header;
  return fmt::format("row {} ({}.{} to {}.{}{}, epoch {}, sums {} to {}, end_offset {})", row.id,
                     h.first.seq, h.first.part, h.last.seq, h.last.part, h.closed ? "" : " open",
                     h.epoch, hex(h.sum_before), hex(h.sum_after), row.end_offset);
}

}  // namespace

std::uint64_t LogMeta::checksum() const {
  Bytes bytes;
  const std::string text = stream.to_string();
  put(bytes, std::as_bytes(std::span(text)));
  put(bytes, base.epoch);
  put(bytes, base.seq);
  put(bytes, base.sum);
  put(bytes, base_offset);
  put(bytes, as_unsigned(first_id));
  put(bytes, cursor);
  return xxh3(bytes);
}

Snapshot::Snapshot(Statement& begin, Statement& commit) : commit_(commit) {
  begin.run();
}

Snapshot::~Snapshot() {
  // Ends a transaction that has only read: there is nothing that could be lost by a failure, and
  // the next begin would tell.
  try {
    commit_.run();
  } catch (const SqliteError&) {
    commit_.reset();
  }
}

LogTables::LogTables(Connection& connection)
    : path_(connection.path()),
      connection_(connection),
      begin_(connection.prepare("BEGIN")),
      commit_(connection.prepare("COMMIT")),
      meta_(connection.prepare("SELECT stream, base_epoch, base_seq, base_sum, base_offset, "
                               "first_id, cursor, checksum FROM meta WHERE one = 1")),
      last_(connection.prepare(select(kColumns, "ORDER BY id DESC LIMIT 1"))),
      row_(connection.prepare(select(kColumns, "WHERE id = ?1"))),
      payload_(connection.prepare(select("payload", "WHERE id = ?1"))),
      scan_(connection.prepare(
          select(std::string(kColumns) + ", payload", "WHERE id >= ?1 ORDER BY id"))),
      scan_rows_(connection.prepare(select(kColumns, "WHERE id >= ?1 ORDER BY id"))) {}

void LogTables::damaged(std::string_view what) const {
  throw CorruptionError(fmt::format("{} is damaged: {}", path_, what));
}

LogMeta LogTables::meta() {
  const ResetAtExit reset(meta_);
  if (!meta_.step()) damaged("table meta has no row");
  LogMeta meta;
  const auto stream = StreamId::parse(meta_.text(0));
  if (!stream) damaged("meta.stream is '" + meta_.text(0) + "'");
  meta.stream = *stream;
  meta.base = {as_unsigned(meta_.integer(1)), as_unsigned(meta_.integer(2)),
               as_unsigned(meta_.integer(3))};
  meta.base_offset = as_unsigned(meta_.integer(4));
  meta.first_id = meta_.integer(5);
  const auto cursor = meta_.blob(6);
  meta.cursor.assign(cursor.begin(), cursor.end());
  if (meta.checksum() != as_unsigned(meta_.integer(7))) {
    damaged(fmt::format("meta has checksum {} and should have {}",
                        hex(as_unsigned(meta_.integer(7))), hex(meta.checksum())));
  }
  return meta;
}

Bytes LogTables::cursor(const LogMeta& meta) {
  constexpr std::int64_t kSinceVersion = 3;
  const auto last = last_row(meta);
  if (!last) return meta.cursor;
  if (!cursor_) {
    if (connection_.query_integer("PRAGMA user_version") < kSinceVersion) return meta.cursor;
    cursor_ = connection_.prepare(select("cursor", "WHERE id = ?1"));
  }
  const ResetAtExit reset(*cursor_);
  cursor_->bind(1, last->id);
  if (!cursor_->step()) damaged(describe(*last) + " has gone");
  const auto sealed = cursor_->blob(0);
  if (sealed.empty()) return meta.cursor;
  auto cursor = open_cursor(sealed, last->id);
  if (!cursor) damaged("the cursor of " + describe(*last) + " does not fit its sum");
  return std::move(*cursor);
}

BatchRow LogTables::decode(const Statement& statement, const LogMeta& meta) {
  const auto value = [&](int column) { return as_unsigned(statement.integer(column)); };
  const auto value32 = [&](int column) { return static_cast<std::uint32_t>(value(column)); };
  BatchRow row;
  row.id = statement.integer(0);
  row.header.stream = meta.stream;
  row.header.first = {value(1), value32(2)};
  row.header.last = {value(3), value32(4)};
  row.header.closed = value(5) != 0;
  row.header.epoch = value(6);
  row.header.records = value32(7);
  row.header.raw_bytes = value32(8);
  row.header.time_us = statement.integer(9);
  row.header.sum_before = value(10);
  row.header.sum_after = value(11);
  row.end_offset = value(12);
  row.size = value(13);
  return row;
}

std::optional<BatchRow> LogTables::first_hit(Statement& statement, const LogMeta& meta) {
  const ResetAtExit reset(statement);
  if (!statement.step()) return std::nullopt;
  const BatchRow row = decode(statement, meta);
  if (row.id < meta.first_id) return std::nullopt;
  return row;
}

std::optional<BatchRow> LogTables::last_row(const LogMeta& meta) {
  return first_hit(last_, meta);
}

std::optional<BatchRow> LogTables::floor_row(const LogMeta& meta, PartKey key) {
  auto beyond = last_row(meta);
  if (!beyond || beyond->header.first <= key) return beyond;
  auto found = row(meta, meta.first_id);
  if (!found) damaged(fmt::format("row {}, the first, is missing", meta.first_id));
  if (found->header.first > key) return std::nullopt;
  while (beyond->id - found->id > 1) {
    const auto id = found->id + (beyond->id - found->id) / 2;
    auto middle = row(meta, id);
    if (!middle) damaged(fmt::format("row {} is missing", id));
    (middle->header.first <= key ? found : beyond) = std::move(middle);
  }
  return found;
}

std::optional<BatchRow> LogTables::row(const LogMeta& meta, std::int64_t id) {
  row_.bind(1, id);
  return first_hit(row_, meta);
}

Bytes LogTables::payload(const BatchRow& row) {
  const ResetAtExit reset(payload_);
  payload_.bind(1, row.id);
  if (!payload_.step()) damaged(describe(row) + " has gone");
  const auto view = checked(row, payload_.blob(0));
  return {view.blob.begin(), view.blob.end()};
}

BatchView LogTables::checked(const BatchRow& row, ByteView blob) const {
  const auto view = BatchView::parse(blob);
  if (!view) damaged("the payload of " + describe(row) + " is not a batch");
  if (view->header != row.header) damaged("the payload of " + describe(row) + " says otherwise");
  return *view;
}

void LogTables::check_follows(const BatchRow& before, const BatchRow& row) const {
  const bool follows = row.id == before.id + 1 && row.header.first == before.header.next() &&
                       row.header.sum_before == before.header.sum_after &&
                       row.header.epoch >= before.header.epoch &&
                       row.end_offset == before.end_offset + row.size;
  if (!follows) damaged(describe(row) + " does not follow " + describe(before));
}

void LogTables::check_first(const LogMeta& meta, const BatchRow& row) const {
  const bool follows =
      row.header.first == PartKey{meta.base.seq + 1, 0} && row.header.sum_before == meta.base.sum &&
      row.header.epoch >= meta.base.epoch && row.end_offset == meta.base_offset + row.size;
  if (!follows) damaged(describe(row) + " does not follow the base " + meta.base.to_string());
}

// When the last row ends inside a record, the position is that of the record before; its sum is
// the row's sum_after, its epoch stands in the row in which it ended.
Position LogTables::last_position(const LogMeta& meta, const BatchRow& last) {
  const auto& header = last.header;
  if (header.closed) return {header.epoch, header.last.seq, header.sum_after};
  const Seq seq = header.last.seq - 1;
  if (seq == meta.base.seq) return meta.base;
  auto holder = floor_row(meta, {header.last.seq, 0});
  if (holder && holder->header.first == PartKey{header.last.seq, 0}) {
    holder = row(meta, holder->id - 1);
  }
  if (!holder) damaged("nothing holds the end of the record before " + describe(last));
  return {holder->header.epoch, seq, header.sum_after};
}

LogBounds LogTables::bounds(const LogMeta& meta) {
  LogBounds bounds{.base = meta.base, .last = meta.base, .next = {meta.base.seq + 1, 0}};
  const auto last = last_row(meta);
  const auto first = row(meta, meta.first_id);
  if (!last && !first) return bounds;
  if (!first) damaged(fmt::format("row {}, the first, is missing", meta.first_id));
  check_first(meta, *first);
  if (!last || last->header.next() <= PartKey{meta.base.seq + 1, 0}) {
    damaged("the last row lies before the base " + meta.base.to_string());
  }
  if (last->id > first->id) {
    const auto before = row(meta, last->id - 1);
    if (!before) damaged(describe(*last) + " has no row before it");
    check_follows(*before, *last);
  }
  bounds.last = last_position(meta, *last);
  bounds.next = last->header.next();
  bounds.bytes = last->end_offset - meta.base_offset;
  bounds.oldest_time_us = first->header.time_us;
  return bounds;
}

}  // namespace understudy
