// LogTables: the rows of backend.db (schemas/backend.sql), read and held against one another.
//
// Invariant: whatever a method returns was consistent in itself: meta fits its checksum, a row its
// blob, a row the one before it. Anything else is a CorruptionError that names row and values.
// Requires the caller to hold a read transaction (Snapshot) over calls that belong together.
// Belongs to the thread of its connection.
#pragma once

#include "common/backend/backend.h"
#include "common/sqlite/connection.h"

#include <concepts>

namespace understudy {

// The one row of table meta.
struct LogMeta {
  StreamId stream;
  Position base;
  std::uint64_t base_offset = 0;
  std::int64_t first_id = 1;
  Bytes cursor;  // in the table; LogTables::cursor() knows which counts

  [[nodiscard]] std::uint64_t checksum() const;
};

// One row of table batch without its blob.
struct BatchRow {
  std::int64_t id = 0;
  BatchHeader header;
  std::uint64_t end_offset = 0;
  std::uint64_t size = 0;  // of the blob
};

// A read transaction: all that is read in it is one state of the log.
class Snapshot {
 public:
  Snapshot(Statement& begin, Statement& commit);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Statement& commit_;
};

class LogTables {
 public:
  explicit LogTables(Connection& connection);

  [[nodiscard]] Snapshot snapshot() { return {begin_, commit_}; }
  [[nodiscard]] LogMeta meta();
  // Where the publisher stands: as the last row says, or else as meta does.
  [[nodiscard]] Bytes cursor(const LogMeta& meta);
  // What the log spans. Checks the rows at both ends.
  [[nodiscard]] LogBounds bounds(const LogMeta& meta);
  [[nodiscard]] std::optional<BatchRow> last_row(const LogMeta& meta);
  // The last row that begins at or before `key`; nullopt when there is none that counts. Halves the
  // ids, which rise with the parts and have no hole: about twenty rows are looked at.
  [[nodiscard]] std::optional<BatchRow> floor_row(const LogMeta& meta, PartKey key);
  [[nodiscard]] std::optional<BatchRow> row(const LogMeta& meta, std::int64_t id);
  // The checked blob of a row.
  [[nodiscard]] Bytes payload(const BatchRow& row);
  // Rows from `id` on, oldest first, each checked against its blob and the one before it, until
  // `visit` answers false. The view is valid during the call.
  template <std::predicate<const BatchRow&, const BatchView&> Visit>
  void scan(const LogMeta& meta, std::int64_t id, Visit visit);
  // The same without blobs.
  template <std::predicate<const BatchRow&> Visit>
  void scan_rows(const LogMeta& meta, std::int64_t id, Visit visit);

  [[noreturn]] void damaged(std::string_view what) const;

 private:
  static BatchRow decode(const Statement& statement, const LogMeta& meta);
  [[nodiscard]] std::optional<BatchRow> first_hit(Statement& statement, const LogMeta& meta);
  BatchView checked(const BatchRow& row, ByteView blob) const;
  void check_follows(const BatchRow& before, const BatchRow& row) const;
  void check_first(const LogMeta& meta, const BatchRow& row) const;
  Position last_position(const LogMeta& meta, const BatchRow& last);

  std::string path_;
  Connection& connection_;
  std::optional<Statement> cursor_;  // none as long as the file is of a version without the column
  Statement begin_;
  Statement commit_;
  Statement meta_;
  Statement last_;
  Statement row_;
  Statement payload_;
  Statement scan_;
  Statement scan_rows_;
};

// Resets a statement when the block is left, so that no read transaction lingers.
class ResetAtExit {
 public:
  explicit ResetAtExit(Statement& statement) : statement_(statement) {}
  ~ResetAtExit() { statement_.reset(); }
  ResetAtExit(const ResetAtExit&) = delete;
  ResetAtExit& operator=(const ResetAtExit&) = delete;

 private:
  Statement& statement_;
};

template <std::predicate<const BatchRow&, const BatchView&> Visit>
void LogTables::scan(const LogMeta& meta, std::int64_t id, Visit visit) {
  constexpr int kPayload = 14;
  std::optional<BatchRow> before;
  const ResetAtExit reset(scan_);
  scan_.bind(1, id);
  while (scan_.step()) {
    const BatchRow row = decode(scan_, meta);
    if (before) check_follows(*before, row);
    if (!visit(row, checked(row, scan_.blob(kPayload)))) return;
    before = row;
  }
}

template <std::predicate<const BatchRow&> Visit>
void LogTables::scan_rows(const LogMeta& meta, std::int64_t id, Visit visit) {
  std::optional<BatchRow> before;
  const ResetAtExit reset(scan_rows_);
  scan_rows_.bind(1, id);
  while (scan_rows_.step()) {
    const BatchRow row = decode(scan_rows_, meta);
    if (before) check_follows(*before, row);
    if (!visit(row)) return;
    before = row;
  }
}

}  // namespace understudy
