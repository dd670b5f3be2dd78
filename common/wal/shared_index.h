// SharedIndex: the wal-index (-shm) of a live database, through the file methods of an ordinary
// SQLite connection: its header, checkpoint marks, page table, hash slots and locks.
//
// Question answered: what is committed, who may touch what, and where is a page's newest frame.
// Only the header says what is committed, never the bytes of the WAL.
//
// The layout is SQLite's (docs: https://sqlite.org/walformat.html, source: wal.c). Raw locks are
// held by the connection that this index was made from; no SQL may run on that connection while
// any is held. One thread at a time. Throws SqliteError when a file method fails.
#pragma once

#include "common/wal/wal_format.h"

#include <atomic>

struct sqlite3_file;

namespace understudy::wal {

constexpr std::uint32_t kMarkNotUsed = 0xffffffff;

enum class Lock : int {
  write = 0,
  checkpoint = 1,
  recover = 2,
  read0 = 3,
  read1 = 4,
  read2 = 5,
  read3 = 6,
  read4 = 7
};
constexpr int kReadSlots = 5;
constexpr Lock read_lock(int slot) {
  return static_cast<Lock>(3 + slot);
}

// The 48-byte header of the wal-index, decoded.
struct IndexHeader {
  std::uint32_t change_counter = 0;
  bool big_endian_checksums = false;
  std::uint32_t page_size = 0;   // bytes, 512 … 65536; 0 while the WAL has never had a frame
  FrameNo last_frame = 0;        // mxFrame: what is committed
  std::uint32_t page_count = 0;  // nPage: database size after the last commit
  Checksum checksum;             // of frame last_frame
  Salts salts;
  bool operator==(const IndexHeader&) const = default;
  [[nodiscard]] Cursor cursor() const { return {salts, last_frame, checksum}; }
};

class SharedIndex {
 public:
  // `file` is the database's sqlite3_file (SQLITE_FCNTL_FILE_POINTER); the caller keeps it open.
  // `path` is for messages only.
  SharedIndex(sqlite3_file* file, std::string path);

  // nullopt: the header is not valid now (being written, or recovery is due).
  [[nodiscard]] std::optional<IndexHeader> read_header();
  // Cheap test while polling: does the first copy of the header still equal `known` in its
  // change counter, last_frame and salts? (A torn read only ever answers "changed".)
  [[nodiscard]] bool still_at(const IndexHeader& known);
  [[nodiscard]] FrameNo backfilled();          // nBackfill
  [[nodiscard]] FrameNo backfill_attempted();  // nBackfillAttempted
  [[nodiscard]] std::uint32_t read_mark(int slot);
  void set_read_mark(int slot, std::uint32_t mark);  // requires the slot's lock, exclusive

  // False: somebody else is in the way (BUSY). `count` > 1 takes consecutive locks, exclusive only.
  [[nodiscard]] bool try_lock_shared(Lock lock);
  [[nodiscard]] bool try_lock_exclusive(Lock lock, int count = 1);
  void unlock_shared(Lock lock);
  void unlock_exclusive(Lock lock, int count = 1);
  // Does this object hold the lock, exclusive?
  [[nodiscard]] bool holds_exclusive(Lock lock) const;
  void barrier();

  // The page of a frame; the frame must be ≤ last_frame of a header read before.
  [[nodiscard]] PageNo page_of(FrameNo frame);
  // The newest frame ≤ limit that holds `page`; 0 when there is none. By the hash slots, checked
  // against the page table. The caller holds a lock that shuts out a reset.
  [[nodiscard]] FrameNo find_frame(PageNo page, FrameNo limit);

  // The writer's side. All need the WRITE lock, exclusive.
  // Stores the page of frame `frame` = last indexed + 1: zeroes a block at its first entry and
  // clears what an aborted write left behind it, then page number, then hash slot.
  void append_entry(FrameNo frame, PageNo page);
  // Publishes: change counter +1, checksum, second copy, barrier, first copy. Readers see it now.
  void publish(IndexHeader header);
  // Starts a new generation (wal.c, walRestartHdr). Needs CKPT and READ(1..4) exclusive as well,
  // and backfilled() == last_frame. Returns the new header: last_frame 0, new salts.
  IndexHeader restart(IndexHeader header, const Salts& salts);

 private:
  // Maps a block; nullptr when the index does not reach so far and `extend` is false.
  volatile std::byte* block(std::uint32_t number, bool extend);
  volatile std::byte* existing_block(std::uint32_t number);
  bool change_lock(Lock lock, int count, int flags);
  void write_header(const IndexHeader& header);
  void clear_after(std::uint32_t number, std::uint32_t index);

  sqlite3_file* file_;
  std::string path_;
  std::vector<volatile std::byte*> blocks_;  // mapped 32 KiB blocks, by number
  unsigned exclusive_locks_ = 0;             // bit per Lock
};

}  // namespace understudy::wal
