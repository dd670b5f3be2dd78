// The ways in which records leave the log: trim, reset, drop_open_tail.
//
// A trim moves the base forward in one commit; from then on the rows before it do not count. Their
// space is freed in steps of a bounded size, and what a crash leaves of them the next trim finds.
#include "common/backend/backend_file.h"
#include "common/backend/sqlite_backend.h"
#include "common/core/assert.h"
#include "common/core/clock.h"
#include "common/record/record.h"

#include <fmt/format.h>

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
  return true;
}

void SqliteBackend::reset(const Position& base) {
  LogMeta meta = meta_;
  meta.base = base;
  meta.base_offset = end_offset_;
  meta.first_id = next_id_;
  write([&] {
    connection_.execute("DELETE FROM batch");
    update_meta(meta);
  });
  meta_ = std::move(meta);
  bounds_ = {.base = base, .last = base, .next = {base.seq + 1, 0}};
}

void SqliteBackend::drop_open_tail() {
  if (bounds_.next.part == 0) return;
  const Seq open = bounds_.next.seq;
  write([&] {
    const auto row = tables_.floor_row(meta_, {open, 0});
    if (!row) tables_.damaged(fmt::format("nothing holds the start of record {}", open));
    const auto kept = cut_before_record(*row, open);
    delete_from_.bind(1, row->id).run();
    if (kept) {
      const auto batch = BatchView::parse(*kept);
      US_ASSERT(batch.has_value(), "a batch just encoded is a batch");
      insert(*batch, row->id, row->end_offset - row->size + kept->size());
    }
  });
  load();
}

// The whole records that a batch holds before its open one, as a batch of their own. This is the
// one place where a batch is cut anew: they were acknowledged, so they cannot go with the tail.
std::optional<Bytes> SqliteBackend::cut_before_record(const BatchRow& row, Seq open) {
  if (row.header.first.seq == open) return std::nullopt;
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
  while (!rest.empty() && decode_part(rest, part) && part.header.seq < open) {
    header.last = {part.header.seq, part.header.part};
    header.time_us = part.header.time_us;
    kept = raw.size() - rest.size();
  }
  if (kept == 0) tables_.damaged(fmt::format("row {} holds no whole record", row.id));
  header.raw_bytes = static_cast<std::uint32_t>(kept);
  return encode_batch(header, ByteView(raw).first(kept));
}

}  // namespace understudy
