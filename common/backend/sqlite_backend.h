// SqliteBackend: the log in an SQLite database, one row a batch.
//
// Invariants
//  - What memory holds of the log (bounds, next id, meta) is what the last commit made of it: it
//    changes after COMMIT has returned, never before.
//  - COMMIT returns after the fsync of the WAL (synchronous=FULL), and readers see a commit only
//    then; what a crash left in the WAL is written anew at open, before anybody may rely on it.
//  - After a failed write or sync nothing is written any more, the close included.
//  - The cursor is that of the last row, or, where that has none, that of meta. So whoever takes
//  rows
//    away writes it to meta, and an append of one small batch changes one page alone.
// Belongs to one thread; wal_backlog() alone may be asked from any.
#pragma once

#include "common/backend/backend_file.h"
#include "common/backend/log_tables.h"
#include "common/backend/wal_upkeep.h"
#include "common/core/errors.h"

#include <functional>

namespace understudy {

class SqliteBackend final : public Backend {
 public:
  // `fresh`: what to create when there is no file; an existing one must be of its stream.
  SqliteBackend(std::string path, const std::optional<NewLog>& fresh, std::string vfs);

  const StreamId& stream() const override { return meta_.stream; }
  LogBounds bounds() const override { return bounds_; }
  const History& history() const override { return history_; }
  void append(std::span<const BatchView> batches, ByteView cursor) override;
  void set_cursor(ByteView cursor) override;
  Bytes cursor() override { return meta_.cursor; }
  void drop_open_tail() override;
  void reset(const Position& base, const History& history) override;
  void rewind(Seq keep_until) override;
  std::uint64_t trim(const RetentionPolicy& policy, Seq keep_after) override;
  void checkpoint() override;
  std::uint64_t wal_backlog() const override;
  std::unique_ptr<Upkeep> open_upkeep() const override;
  std::unique_ptr<LogReader> open_reader() const override;

 private:
  // Runs `work` in one transaction, durable when it returns. Rolls back and throws otherwise.
  void write(const std::function<void()>& work);
  void fail(const SqliteError& error);
  void insert(const BatchView& batch, std::int64_t id, std::uint64_t end_offset,
              ByteView cursor = {});
  void update_meta(const LogMeta& meta);
  void put_cursor(const LogMeta& meta);
  void prepare_for_writing();
  void load();
  void upgrade();
  [[nodiscard]] History history_with(std::span<const BatchView> batches) const;
  void restart_wal_when_due();
  void move_wal();
  void give_back_space();

  // retention.cpp
  [[nodiscard]] std::optional<BatchRow> find_cut(const RetentionPolicy& policy, Seq keep_after);
  void move_base(const BatchRow& cut);
  [[nodiscard]] bool delete_dropped_rows();
  void cut_from(Seq seq);
  [[nodiscard]] std::optional<Bytes> cut_before_record(const BatchRow& row, Seq seq);

  std::string path_;
  std::string vfs_;
  std::shared_ptr<WalProgress> progress_;  // told by the connection's WAL hook: outlives it
  Connection connection_;
  LogTables tables_;
  Statement begin_;
  Statement commit_;
  std::optional<Statement> insert_;  // both: once the tables are of this version
  std::optional<Statement> forget_last_cursor_;
  Statement update_meta_;
  Statement dropped_rows_;
  Statement delete_to_;
  Statement delete_from_;
  std::unique_ptr<WalUpkeep> upkeep_;

  LogMeta meta_;
  LogBounds bounds_;
  History history_;
  std::int64_t next_id_ = 1;
  std::uint64_t end_offset_ = 0;
  std::uint32_t next_restart_frames_ = 0;
  std::optional<SqliteError> failure_;
};

}  // namespace understudy
