#include "common/wal/raw_database.h"

#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/core/errors.h"
#include "common/wal/attachable.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace understudy::wal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kOpenTimeoutMs = 2000;  // longer than any recovery or checkpoint step of others
constexpr auto kRecoverTimeout = std::chrono::seconds(5);
constexpr std::size_t kDatabaseHeaderSize = 100;
constexpr char kMagicText[] = "SQLite format 3";  // and its terminating zero

// On close: no checkpoint, no deletion of the WAL. The application's files are not ours.
void leave_wal_alone(Connection& connection) {
  sqlite3_db_config(connection.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  int persist = 1;
  sqlite3_file_control(connection.handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
}

// A read transaction, begun and ended: opens the WAL, maps the wal-index, recovers it when it has
// to, and leaves the connection with its shared lock on the database file.
void read_once(Connection& connection) {
  auto statement = connection.prepare("PRAGMA schema_version");
  while (statement.step()) {
  }
}

sqlite3_file* file_of(const Connection& connection) {
  sqlite3_file* file = nullptr;
  const int code =
      sqlite3_file_control(connection.handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (code != SQLITE_OK || file == nullptr || file->pMethods == nullptr) {
    throw SqliteError("find the file of", connection.path(), code, sqlite3_errstr(code));
  }
  return file;
}

ConfigError explain(const SqliteError& error, const std::string& path) {
  switch (error.code() & 0xff) {
    case SQLITE_BUSY:
      return ConfigError(fmt::format(
          "{} is locked exclusively by another process (PRAGMA locking_mode=EXCLUSIVE?), so "
          "nobody can share its WAL; let the application use locking_mode=NORMAL",
          path));
    case SQLITE_NOTADB:
      return ConfigError(fmt::format("{} is not an SQLite database, or it is encrypted", path));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ConfigError(fmt::format("cannot open {} with its -wal and -shm files for writing: {}",
                                     path, error.what()));
    default:
      throw error;
  }
}

}  // namespace

RawDatabase::RawDatabase(const std::string& path, const std::string& vfs) : path_(path), vfs_(vfs) {
  if (vfs_.empty()) {
    check_file_system(path_);
  } else if (!File::exists(path_, vfs_)) {
    throw ConfigError(fmt::format("there is no database {}", path_));
  }
  open_connection();
  check_database_header();
  open_wal_index();
}

RawDatabase::RawDatabase(RawDatabase&&) noexcept = default;
RawDatabase::~RawDatabase() = default;

void RawDatabase::open_connection() {
  try {
    connection_ =
        std::make_unique<Connection>(path_, Connection::Mode::read_write, kOpenTimeoutMs, vfs_);
  } catch (const SqliteError& error) {
    throw explain(error, path_);
  }
  if (sqlite3_db_readonly(connection_->handle(), "main") != 0) {
    throw ConfigError(fmt::format("cannot write {}: no permission, or read-only", path_));
  }
  database_ = file_of(*connection_);
}

void RawDatabase::check_database_header() {
  std::array<std::byte, kDatabaseHeaderSize> header{};
  if (database_bytes() == 0) {
    throw ConfigError(fmt::format(
        "{} is empty: not an SQLite database yet; let the application create it", path_));
  }
  const int code = database_->pMethods->xRead(database_, header.data(), header.size(), 0);
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) {
    throw SqliteError("read", path_, code, sqlite3_errstr(code));
  }
  if (std::memcmp(header.data(), kMagicText, sizeof kMagicText) != 0) {
    throw ConfigError(fmt::format("{} is not an SQLite database, or it is encrypted", path_));
  }
  const auto write_version = std::to_integer<int>(header[18]);
  const auto read_version = std::to_integer<int>(header[19]);
  if (write_version != 2 || read_version != 2) {
    throw ConfigError(
        fmt::format("{} is in rollback-journal mode, and replication needs the "
                    "write-ahead log (PRAGMA journal_mode=WAL, or --enable-wal)",
                    path_));
  }
  const std::uint32_t stored = load_be16(header.data() + 16);
  page_size_ = stored == 1 ? 65536 : stored;
  if (page_size_ < 512 || (page_size_ & (page_size_ - 1)) != 0) {
    throw ConfigError(fmt::format("{} names an impossible page size, {}: damaged, or encrypted",
                                  path_, page_size_));
  }
}

void RawDatabase::open_wal_index() {
  leave_wal_alone(*connection_);
  try {
    read_once(*connection_);
  } catch (const SqliteError& error) {
    throw explain(error, path_);
  }
  const auto mode = connection_->query_text("PRAGMA journal_mode");
  if (mode != "wal") {
    throw ConfigError(
        fmt::format("{} is in journal mode {}, and replication needs the "
                    "write-ahead log (PRAGMA journal_mode=WAL, or --enable-wal)",
                    path_, mode.value_or("unknown")));
  }
  if (database_->pMethods->iVersion < 2) {
    throw ConfigError(fmt::format("{} has no shared memory for its WAL", path_));
  }
  index_ = std::make_unique<SharedIndex>(database_, path_);
  volatile void* mapped = nullptr;
  const int code = database_->pMethods->xShmMap(database_, 0, 32768, 0, &mapped);
  if ((code & 0xff) == SQLITE_READONLY) {
    throw ConfigError(fmt::format("cannot write {}-shm: no permission, or read-only", path_));
  }
  if (code != SQLITE_OK || mapped == nullptr) {
    throw ConfigError(
        fmt::format("{} has no shared memory for its WAL: {}", path_, sqlite3_errstr(code)));
  }
}

IndexHeader RawDatabase::recover() {
  const bool held_write = index_->holds_exclusive(Lock::write);
  const auto deadline = Clock::now() + kRecoverTimeout;
  if (held_write) index_->unlock_exclusive(Lock::write);
  Connection connection(path_, Connection::Mode::read_write, kOpenTimeoutMs, vfs_);
  leave_wal_alone(connection);
  for (;; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
    try {
      read_once(connection);
    } catch (const SqliteError& error) {
      if (!error.is_busy() || Clock::now() > deadline) throw;
      continue;
    }
    const bool locked = !held_write || index_->holds_exclusive(Lock::write) ||
                        index_->try_lock_exclusive(Lock::write);
    const auto header = index_->read_header();
    if (locked && header) return *header;
    if (Clock::now() > deadline) {
      throw SqliteError("recover the wal-index of", path_, SQLITE_BUSY, "it does not become valid");
    }
    if (held_write && locked) index_->unlock_exclusive(Lock::write);
  }
}

void RawDatabase::prepare_checkpoints() {
  if (checkpointer_) return;
  auto connection = std::make_unique<Connection>(path_, Connection::Mode::read_write, 0, vfs_);
  leave_wal_alone(*connection);
  read_once(*connection);
  checkpointer_ = std::move(connection);
}

bool RawDatabase::checkpoint_passive() {
  prepare_checkpoints();
  auto* db = checkpointer_->handle();
  const int code =
      sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code == SQLITE_OK) return true;
  const SqliteError error("checkpoint", path_, code, sqlite3_errmsg(db));
  if (error.is_busy() || error.is_disk_full()) return false;
  throw error;
}

std::uint64_t RawDatabase::database_bytes() {
  sqlite3_int64 size = 0;
  const int code = database_->pMethods->xFileSize(database_, &size);
  if (code != SQLITE_OK) throw SqliteError("measure", path_, code, sqlite3_errstr(code));
  return static_cast<std::uint64_t>(size);
}

void RawDatabase::read_database_page(PageNo page, std::span<std::byte> out) {
  US_ASSERT(page != 0 && out.size() == page_size_, "pages count from 1 and have one size");
  const auto offset = (std::uint64_t{page} - 1) * page_size_;
  const int code = database_->pMethods->xRead(database_, out.data(), static_cast<int>(out.size()),
                                              static_cast<sqlite3_int64>(offset));
  // A short read has filled the rest with zeros.
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) {
    throw SqliteError(fmt::format("read page {} of", page), path_, code, sqlite3_errstr(code));
  }
}

File& RawDatabase::wal(bool for_writing) {
  if (!wal_ || (for_writing && !wal_is_writable_)) {
    const auto mode = for_writing ? File::Mode::read_write : File::Mode::read_only;
    wal_ = std::make_unique<File>(path_ + "-wal", mode, vfs_);
    wal_is_writable_ = for_writing;
  }
  return *wal_;
}

std::size_t RawDatabase::read_wal(std::uint64_t offset, std::span<std::byte> out) {
  return wal(false).read(offset, out);
}

void RawDatabase::write_wal(std::uint64_t offset, ByteView bytes) {
  wal(true).write(offset, bytes);
}

void RawDatabase::sync_wal() {
  wal(true).sync();
}

std::uint64_t RawDatabase::wal_bytes() {
  return wal(false).size();
}

FrameNo RawDatabase::read_page(PageNo page, FrameNo limit, std::span<std::byte> out) {
  US_ASSERT(out.size() == page_size_, "a page is read whole");
  const auto frame = ignores_wal_ ? 0 : index_->find_frame(page, limit);
  if (frame == 0) {
    read_database_page(page, out);
    return 0;
  }
  const auto got = read_wal(frame_offset(frame, page_size_) + kFrameHeaderSize, out);
  if (got != out.size()) {
    throw SqliteError(fmt::format("read frame {} of", frame), path_ + "-wal",
                      SQLITE_IOERR_SHORT_READ, "the file ends before it");
  }
  return frame;
}

}  // namespace understudy::wal
