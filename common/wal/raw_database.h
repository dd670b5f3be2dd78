// RawDatabase: a SQLite database opened for raw work on its WAL: a connection of its own (never
// used for SQL while raw locks are held), its wal-index, the -wal file, and pages as of a frame.
//
// An open RawDatabase keeps SQLite's shared lock on the database file: nobody can delete the WAL
// or leave WAL mode meanwhile. On close it neither checkpoints nor deletes the WAL.
// One thread at a time.
#pragma once

#include "common/file/file.h"
#include "common/sqlite/connection.h"
#include "common/wal/shared_index.h"

#include <memory>

namespace understudy::wal {

// Why a database cannot be attached to, in words for the user (ConfigError::what()):
// missing, not a database or encrypted, empty, rollback-journal mode, exclusive locking,
// network file system, no permission, read-only file system or directory.
class RawDatabase {
 public:
  // Throws ConfigError for all of the above and SqliteError/IoError for the rest.
  explicit RawDatabase(const std::string& path, const std::string& vfs = {});
  RawDatabase(RawDatabase&&) noexcept;
  ~RawDatabase();

  [[nodiscard]] SharedIndex& index() { return *index_; }
  [[nodiscard]] const SharedIndex& index() const { return *index_; }
  [[nodiscard]] std::uint32_t page_size() const { return page_size_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  // Lets SQLite recover an invalid wal-index (a SELECT on a helper connection) and returns the
  // header then. Shared READ locks may be held. WRITE may be held too, but is let go of meanwhile
  // (recovery needs it) and taken again: somebody may have written before recover() returns.
  // Throws SqliteError when it cannot be done within some seconds.
  IndexHeader recover();

  // Opens the connection that checkpoint_passive() uses: now, while the path still leads to the
  // file that this object has open.
  void prepare_checkpoints();
  // A PASSIVE checkpoint, on that connection (opened now when it was not prepared). The caller's
  // locks must make a reset impossible meanwhile (WAL-reset bug). False: somebody else is at it,
  // or the disk is full; what nBackfill says then is how far it came.
  bool checkpoint_passive();

  [[nodiscard]] std::uint64_t database_bytes();  // of the database file itself
  // Content of a page in the database file itself; zeros beyond its end. out.size() is the page
  // size.
  void read_database_page(PageNo page, std::span<std::byte> out);
  // Bytes of the -wal file; short at its end.
  std::size_t read_wal(std::uint64_t offset, std::span<std::byte> out);
  void write_wal(std::uint64_t offset, ByteView bytes);  // standbys only
  void sync_wal();                                       // standbys only
  [[nodiscard]] std::uint64_t wal_bytes();

  // The page as of frame `limit`: its newest frame ≤ limit, else the database file. Exact when the
  // caller's locks shut out resets, and backfills beyond `limit`. Returns the frame, 0 for the
  // file.
  FrameNo read_page(PageNo page, FrameNo limit, std::span<std::byte> out);
  // While set, read_page() takes every page from the database file, as SQLite's own readers do
  // under READ(0): the WAL is all in the database, and may be overwritten at any moment.
  void ignore_wal(bool ignore) { ignores_wal_ = ignore; }

 private:
  void open_connection();
  void check_database_header();
  void open_wal_index();
  File& wal(bool for_writing);

  std::string path_;
  std::string vfs_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Connection> checkpointer_;
  sqlite3_file* database_ = nullptr;  // owned by connection_
  std::unique_ptr<SharedIndex> index_;
  std::unique_ptr<File> wal_;  // opened when first needed; carries no locks
  bool wal_is_writable_ = false;
  bool ignores_wal_ = false;
  std::uint32_t page_size_ = 0;
};

}  // namespace understudy::wal
