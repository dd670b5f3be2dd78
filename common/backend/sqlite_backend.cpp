#include "common/backend/sqlite_backend.h"

#include "common/backend/backend_file.h"
#include "common/backend/cursor_column.h"
#include "common/backend/epoch_table.h"
#include "common/core/assert.h"
#include "common/record/record.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace understudy {
namespace {

constexpr std::uint64_t kFrameBytes = 4096 + 24;
constexpr std::uint32_t kTargetFrames = Backend::kWalBacklogTarget / kFrameBytes;
constexpr std::uint32_t kLimitFrames = Backend::kWalLimit / kFrameBytes;
constexpr std::uint32_t kRetryFrames = 256;  // after a checkpoint that a reader kept from its end
constexpr std::int64_t kVacuumPages = 1024;  // given back to the file system in one step

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

int note_frames(void* context, sqlite3*, const char*, int frames) {
  auto& progress = *static_cast<WalProgress*>(context);
  const auto now = static_cast<std::uint32_t>(frames);
  if (now < progress.written.load(std::memory_order_relaxed)) progress.moved.store(0);
  progress.written.store(now);
  return SQLITE_OK;
}

// Errors after which nobody knows what of the last writes is on disk, or will be: the kernel
// reports a failed write-back once, and forgets. Those of the shared index say nothing about the
// data.
bool is_final(const SqliteError& error) {
  switch (error.code()) {
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMMAP:
    case SQLITE_IOERR_SHMLOCK:
    case SQLITE_IOERR_SHMOPEN:
    case SQLITE_IOERR_LOCK:
    case SQLITE_IOERR_RDLOCK:
    case SQLITE_IOERR_NOMEM:
      return false;
    default:
      return (error.code() & 0xff) == SQLITE_IOERR || is_damage(error);
  }
}

// Holds a batch against the log's end, and moves the end on.
void advance(LogBounds& bounds, const StreamId& stream, const BatchHeader& header,
             std::uint64_t size) {
  US_ASSERT(header.stream == stream, "a log never mixes streams");
  US_ASSERT(header.first == bounds.next, "batches of a log follow one another without a gap");
  US_ASSERT(header.sum_before == bounds.last.sum, "a batch starts from the state reached so far");
  US_ASSERT(header.epoch >= bounds.last.epoch, "epochs only grow");
  if (bounds.bytes == 0) bounds.oldest_time_us = header.time_us;
  if (header.closed) {
    bounds.last = {header.epoch, header.last.seq, header.sum_after};
  } else if (header.records > 0) {
    bounds.last = {header.epoch, header.last.seq - 1, header.sum_after};
  }
  bounds.next = header.next();
  bounds.bytes += size;
}

}  // namespace

SqliteBackend::SqliteBackend(std::string path, const std::optional<NewLog>& fresh, std::string vfs)
    : path_(std::move(path)),
      vfs_(std::move(vfs)),
      progress_(std::make_shared<WalProgress>()),
      connection_(open_backend_for_writing(path_, fresh, vfs_)),
      tables_(connection_),
      begin_(connection_.prepare("BEGIN IMMEDIATE")),
      commit_(connection_.prepare("COMMIT")),
      update_meta_(connection_.prepare(
          "UPDATE meta SET base_epoch = ?1, base_seq = ?2, base_sum = ?3, base_offset = ?4, "
          "first_id = ?5, cursor = ?6, checksum = ?7 WHERE one = 1")),
      dropped_rows_(
          connection_.prepare("SELECT id, length(payload) FROM batch WHERE id < ?1 ORDER BY id")),
      delete_to_(connection_.prepare("DELETE FROM batch WHERE id <= ?1")),
      delete_from_(connection_.prepare("DELETE FROM batch WHERE id >= ?1")) {
  sqlite3_wal_hook(connection_.handle(), note_frames, progress_.get());
  load();
  if (fresh && fresh->stream != meta_.stream) {
    throw ConfigError(
        fmt::format("{} belongs to stream {}, not to {}; choose another state directory", path_,
                    meta_.stream.to_string(), fresh->stream.to_string()));
  }
  write_wal_again(path_, vfs_);  // from here all that bounds() speaks of is durable
  move_wal_at_close(connection_, true);
  if (needs_upgrade(connection_)) upgrade();
  prepare_for_writing();
  upkeep_ = std::make_unique<WalUpkeep>(path_, vfs_, progress_);
}

void SqliteBackend::load() {
  const auto snapshot = tables_.snapshot();
  meta_ = tables_.meta();
  meta_.cursor = tables_.cursor(meta_);
  bounds_ = tables_.bounds(meta_);
  const auto last = tables_.last_row(meta_);
  next_id_ = last ? last->id + 1 : meta_.first_id;
  end_offset_ = last ? last->end_offset : meta_.base_offset;
  history_ = read_history(connection_, meta_.stream);
  check_history(history_, bounds_.last, path_);
}

void SqliteBackend::prepare_for_writing() {
  insert_ = connection_.prepare(
      "INSERT INTO batch (id, first_seq, first_part, last_seq, last_part, closed, epoch, records, "
      "raw_bytes, time_us, sum_before, sum_after, end_offset, payload, cursor) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
  forget_last_cursor_ = connection_.prepare(
      "UPDATE batch SET cursor = x'' "
      "WHERE id = (SELECT max(id) FROM batch) AND length(cursor) > 0");
}

// History as it will be in the file; readers were told the same of the former version.
void SqliteBackend::upgrade() {
  write([&] { upgrade_tables(connection_, meta_.stream); });
}

void SqliteBackend::write(const std::function<void()>& work) {
  if (failure_) {
    throw SqliteError("write after an earlier failure to", path_, failure_->code(),
                      failure_->what());
  }
  try {
    begin_.run();
    work();
    commit_.run();  // durable from here
  } catch (const SqliteError& error) {
    sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    fail(error);
  } catch (const Error&) {
    sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

void SqliteBackend::fail(const SqliteError& error) {
  if (is_final(error)) {
    failure_ = error;
    move_wal_at_close(connection_, false);
  }
  reporting_damage(path_, [&] { throw error; });
}

void SqliteBackend::append(std::span<const BatchView> batches, ByteView cursor) {
  if (batches.empty() && cursor.empty()) return;
  restart_wal_when_due();
  LogBounds bounds = bounds_;
  auto id = next_id_;
  auto end_offset = end_offset_;
  LogMeta meta = meta_;
  if (!cursor.empty()) meta.cursor.assign(cursor.begin(), cursor.end());
  const bool opens_epoch = !batches.empty() && batches.back().header.epoch > bounds.last.epoch;
  History history = opens_epoch ? history_with(batches) : History();
  write([&] {
    for (const auto& batch : batches) {
      advance(bounds, meta.stream, batch.header, batch.blob.size());
      end_offset += batch.blob.size();
      const bool is_last = &batch == &batches.back();
      insert(batch, id++, end_offset, is_last ? ByteView(meta.cursor) : ByteView());
    }
    if (opens_epoch) write_history(connection_, history);
    if (batches.empty()) put_cursor(meta);
  });
  bounds_ = bounds;
  if (opens_epoch) history_ = std::move(history);
  next_id_ = id;
  end_offset_ = end_offset;
  meta_ = std::move(meta);
}

// The history with the epochs that these batches open.
History SqliteBackend::history_with(std::span<const BatchView> batches) const {
  History history = history_;
  for (const auto& batch : batches) {
    if (batch.header.epoch <= history.back().epoch) continue;
    Bytes raw;
    RecordPart part;
    ByteView rest;
    if (batch.unpack(raw)) rest = raw;
    if (!decode_part(rest, part) || !part.opening || part.header.epoch != batch.header.epoch) {
      throw CorruptionError(
          fmt::format("batch {}.{} is of epoch {}, after epoch {}, and does not begin with the "
                      "record that opens it",
                      batch.header.first.seq, batch.header.first.part, batch.header.epoch,
                      history.back().epoch));
    }
    history.push_back(epoch_start(part));
  }
  return history;
}

void SqliteBackend::insert(const BatchView& batch, std::int64_t id, std::uint64_t end_offset,
                           ByteView cursor) {
  const auto& h = batch.header;
  const auto sealed = seal_cursor(cursor, id);
  insert_->bind(1, id)
      .bind(2, as_signed(h.first.seq))
      .bind(3, std::int64_t{h.first.part})
      .bind(4, as_signed(h.last.seq))
      .bind(5, std::int64_t{h.last.part})
      .bind(6, std::int64_t{h.closed})
      .bind(7, as_signed(h.epoch))
      .bind(8, std::int64_t{h.records})
      .bind(9, std::int64_t{h.raw_bytes})
      .bind(10, h.time_us)
      .bind(11, as_signed(h.sum_before))
      .bind(12, as_signed(h.sum_after))
      .bind(13, as_signed(end_offset))
      .bind(14, batch.blob)
      .bind(15, ByteView(sealed))
      .run();
}

void SqliteBackend::update_meta(const LogMeta& meta) {
  update_meta_.bind(1, as_signed(meta.base.epoch))
      .bind(2, as_signed(meta.base.seq))
      .bind(3, as_signed(meta.base.sum))
      .bind(4, as_signed(meta.base_offset))
      .bind(5, meta.first_id)
      .bind(6, ByteView(meta.cursor))
      .bind(7, as_signed(meta.checksum()))
      .run();
}

// Within a transaction: the cursor of `meta` counts, whatever the last row says.
void SqliteBackend::put_cursor(const LogMeta& meta) {
  forget_last_cursor_->run();
  update_meta(meta);
}

void SqliteBackend::set_cursor(ByteView cursor) {
  LogMeta meta = meta_;
  meta.cursor.assign(cursor.begin(), cursor.end());
  write([&] { put_cursor(meta); });
  meta_ = std::move(meta);
}

void SqliteBackend::move_wal() {
  try {
    upkeep_->run();
  } catch (const SqliteError& error) {
    fail(error);
  }
}

void SqliteBackend::checkpoint() {
  give_back_space();
  move_wal();
}

// What a smaller retention or one huge record left empty goes back to the file system step by step.
// Below a quarter it stays: the next batches fill it.
void SqliteBackend::give_back_space() {
  const auto pages = connection_.query_integer("PRAGMA page_count").value_or(0);
  const auto empty = connection_.query_integer("PRAGMA freelist_count").value_or(0);
  if (empty < kVacuumPages || empty < pages / 4) return;
  write([&] { connection_.execute(fmt::format("PRAGMA incremental_vacuum({})", kVacuumPages)); });
}

// The short rest of a checkpoint, between two appends: after it all is moved, and this append
// begins the WAL anew. Due when an Upkeep has moved the bulk, or when the WAL may not grow any
// more.
void SqliteBackend::restart_wal_when_due() {
  const auto frames = progress_->written.load(std::memory_order_relaxed);
  if (frames < kTargetFrames) {
    next_restart_frames_ = 0;
    return;
  }
  const bool short_rest = progress_->backlog() <= WalUpkeep::kShortRestFrames;
  if (frames < next_restart_frames_ || (!short_rest && frames < kLimitFrames)) return;
  next_restart_frames_ = frames + kRetryFrames;
  try {
    move_wal();
  } catch (const SqliteError& error) {
    // A full disk keeps the pages in the WAL; whether there is room to append the append finds out.
    if (!error.is_disk_full()) throw;
  }
}

std::uint64_t SqliteBackend::wal_backlog() const {
  return progress_->backlog() * kFrameBytes;
}

std::unique_ptr<Upkeep> SqliteBackend::open_upkeep() const {
  return std::make_unique<WalUpkeep>(path_, vfs_, progress_);
}

std::unique_ptr<LogReader> SqliteBackend::open_reader() const {
  return open_sqlite_log_reader(path_, vfs_);
}

bool sqlite_backend_exists(const std::string& path, const std::string& vfs) {
  return is_backend_there(path, vfs);
}

bool fold_sqlite_backend(const std::string& path) {
  return reporting_damage(path, [&] {
    Connection connection(path, Connection::Mode::read_write);
    move_wal_at_close(connection, false);
    connection.execute("PRAGMA synchronous = FULL");
    auto checkpoint = connection.prepare("PRAGMA wal_checkpoint(PASSIVE)");
    try {
      if (!checkpoint.step()) return false;
    } catch (const SqliteError& error) {
      if (error.is_busy() || error.is_disk_full()) return false;
      throw;
    }
    const bool was_busy = checkpoint.integer(0) != 0;
    return !was_busy && checkpoint.integer(1) == checkpoint.integer(2);  // frames: all, moved
  });
}

std::unique_ptr<Backend> open_sqlite_backend(const std::string& path, const StreamId& stream,
                                             const Position& base, const History& history,
                                             const std::string& vfs) {
  const NewLog fresh{stream, base, history_of(history, base)};
  return reporting_damage(path, [&] { return std::make_unique<SqliteBackend>(path, fresh, vfs); });
}

std::unique_ptr<Backend> open_sqlite_backend(const std::string& path, const std::string& vfs) {
  return reporting_damage(path,
                          [&] { return std::make_unique<SqliteBackend>(path, std::nullopt, vfs); });
}

}  // namespace understudy
