// The ways in which records leave the log: trim, rewind, reset, drop_open_tail.
//
// A trim moves the base forward in one commit; from then on the rows before it do not count. Their
// space is freed in steps of a bounded size, and what a crash leaves of them the next trim finds.
#include "common/backend/backend_file.h"
#include "common/backend/epoch_table.h"
#include "common/backend/sqlite_backend.h"
#include "common/core/assert.h"
#include "common/core/clock.h"
#include "common/core/failure_point.h"
#include "common/record/record.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

constexpr std::uint64_t kStepBytes = 8ull << 20;
constexpr int kStepRows = 4096;
constexpr int kSteps = 8;

}  // namespace

std::uint64_t SqliteBackend::trim(const RetentionPolicy& policy, Seq keep_after) {
  const Seq before = meta_.base.seq;
  const auto drop = [&] {
    if (const auto cut = find_cut(policy, keep_after)) move_base(*cut);
    for (int step = 0; step < kSteps && delete_dropped_rows(); ++step) {
    }
  };
  try {
    drop();
  } catch (const SqliteError& error) {
    // Dropping needs a little room in the WAL. Moving that into the file makes room in it.
    if (!error.is_disk_full()) throw;
    move_wal();
    drop();
  }
  return meta_.base.seq - before;
}

// The last row to drop: it ends its record, so no record is dropped in part.
std::optional<BatchRow> SqliteBackend::find_cut(const RetentionPolicy& policy, Seq keep_after) {
  const auto oldest_kept_us = unix_time_us() - policy.max_age_us;
  if (bounds_.bytes <= policy.max_bytes && bounds_.oldest_time_us >= oldest_kept_us) {
    return std::nullopt;
  }
  std::optional<BatchRow> cut;
  reporting_damage(path_, [&] {
    tables_.scan_rows(meta_, meta_.first_id, [&](const BatchRow& row) {
      const bool too_much = end_offset_ - (row.end_offset - row.size) > policy.max_bytes;
      const bool too_old = row.header.time_us < oldest_kept_us;
      if ((!too_much && !too_old) || row.header.last.seq > keep_after) return false;
      if (row.header.closed) cut = row;
      return true;
    });
  });
  return cut;
}

void SqliteBackend::move_base(const BatchRow& cut) {
  LogMeta meta = meta_;
  meta.base = {cut.header.epoch, cut.header.last.seq, cut.header.sum_after};
  meta.base_offset = cut.end_offset;
  meta.first_id = cut.id + 1;
  LogBounds bounds;
  write([&] {
    update_meta(meta);
    bounds = tables_.bounds(meta);
  });
  meta_ = std::move(meta);
  bounds_ = bounds;
  failure_point("log_trimmed");
}

// False: none were left.
bool SqliteBackend::delete_dropped_rows() {
  std::int64_t last = 0;
  reporting_damage(path_, [&] {
    const ResetAtExit reset(dropped_rows_);
    dropped_rows_.bind(1, meta_.first_id);
    std::uint64_t bytes = 0;
    for (int rows = 0; rows < kStepRows && bytes < kStepBytes && dropped_rows_.step(); ++rows) {
      last = dropped_rows_.integer(0);
      bytes += static_cast<std::uint64_t>(dropped_rows_.integer(1));
    }
  });
  if (last == 0) return false;
  write([&] { delete_to_.bind(1, last).run(); });
  failure_point("log_freed");
  return true;
}

void SqliteBackend::reset(const Position& base, const History& history) {
  LogMeta meta = meta_;
  meta.base = base;
  meta.base_offset = end_offset_;
  meta.first_id = next_id_;
  History kept = history_of(history, base);
  write([&] {
    connection_.execute("DELETE FROM batch");
    write_history(connection_, kept);
    update_meta(meta);
  });
  meta_ = std::move(meta);
  bounds_ = {.base = base, .last = base, .next = {base.seq + 1, 0}};
  history_ = std::move(kept);
}

void SqliteBackend::drop_open_tail() {
  if (bounds_.next.part == 0) return;
  write([&] {
    cut_from(bounds_.next.seq);
    put_cursor(meta_);
  });
  load();
}

// One transaction, however much goes: dropped pages are not written, only listed as free.
void SqliteBackend::rewind(Seq keep_until) {
  US_ASSERT(keep_until >= bounds_.base.seq, "what was trimmed cannot be gone back to");
  const PartKey end{std::min(keep_until, bounds_.last.seq) + 1, 0};
  LogMeta meta = meta_;
  meta.cursor.clear();
  write([&] {
    if (end < bounds_.next) cut_from(end.seq);
    put_cursor(meta);
    write_history(connection_, history_of(history_, tables_.bounds(meta).last));
  });
  load();
}

// Removes record `seq`, whole or open, and all after it. Part of a transaction.
void SqliteBackend::cut_from(Seq seq) {
  const auto row = tables_.floor_row(meta_, {seq, 0});
  if (!row) tables_.damaged(fmt::format("nothing holds the start of record {}", seq));
  const auto kept = cut_before_record(*row, seq);
  delete_from_.bind(1, row->id).run();
  if (!kept) return;
  const auto batch = BatchView::parse(*kept);
  US_ASSERT(batch.has_value(), "a batch just encoded is a batch");
  insert(*batch, row->id, row->end_offset - row->size + kept->size());
}

// The whole records that a batch holds before `seq`, as a batch of their own. This is the one place
// where a batch is cut anew: they were acknowledged, so they cannot go with what follows.
std::optional<Bytes> SqliteBackend::cut_before_record(const BatchRow& row, Seq seq) {
  if (row.header.first.seq == seq) return std::nullopt;
  const Bytes blob = tables_.payload(row);
  Bytes raw;
  if (!BatchView::parse(blob)->unpack(raw)) {
    tables_.damaged(fmt::format("the payload of row {} does not unpack", row.id));
  }
  BatchHeader header = row.header;
  header.closed = true;
  ByteView rest(raw);
  std::size_t kept = 0;
  RecordPart part;
  while (!rest.empty() && decode_part(rest, part) && part.header.seq < seq) {
    header.last = {part.header.seq, part.header.part};
    header.time_us = part.header.time_us;
    header.sum_after = part.header.sum_after;
    kept = raw.size() - rest.size();
  }
  if (kept == 0 || header.last.seq + 1 != seq) {
    tables_.damaged(fmt::format("row {} does not hold the end of record {}", row.id, seq - 1));
  }
  header.records = static_cast<std::uint32_t>(header.last.seq - header.first.seq + 1);
  header.raw_bytes = static_cast<std::uint32_t>(kept);
  return encode_batch(header, ByteView(raw).first(kept));
}

}  // namespace understudy
