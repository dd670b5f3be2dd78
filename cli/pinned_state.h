// PinnedState: one committed state of a live database, kept readable while others write.
//
// Question answered: how can every page be read as of one moment, without stopping anybody? By a
// READ slot whose mark is nBackfill (the tailer's HOLD, docs/decisions/0004-tailing.md): nothing
// newer gets into the database file and the WAL cannot be reset, so any frame from nBackfill (and
// what an earlier checkpoint attempted) to the header's last one can be read as of. Writers go on;
// checkpoints find nothing to do.
//
// An explicit checkpoint of the application (FULL, RESTART, TRUNCATE) would wait for the slot:
// has_waiter() sees that, and the owner lets go. One thread.
#pragma once

#include "common/wal/lock_probe.h"
#include "common/wal/raw_database.h"
#include "publisher/wal_tail_locks.h"

namespace understudy {

class PinnedState {
 public:
  explicit PinnedState(const std::string& database);

  // Takes the slot; released by release() or the destructor. Throws SqliteError when no slot is
  // free for some seconds.
  void pin();
  void release();

  // Requires a pin.
  // The header now; it moves on while others write.
  [[nodiscard]] wal::IndexHeader header();
  // True: the state of this prefix can be read.
  [[nodiscard]] bool can_read(const wal::Cursor& cursor);
  // Size of the database, in pages, as of that frame.
  [[nodiscard]] PageNo page_count(const wal::Cursor& cursor);
  void read_page(PageNo page, wal::FrameNo as_of, std::span<std::byte> out);
  // True: a checkpoint of somebody has been standing still for some milliseconds. Ask often.
  [[nodiscard]] bool has_waiter();

  [[nodiscard]] std::uint32_t page_size() const { return database_.page_size(); }

 private:
  wal::RawDatabase database_;
  TailLocks locks_;
  wal::LockProbe probe_;
  wal::FrameNo floor_ = 0;  // frames up to here may be in the database file; fixed while pinned
  std::int64_t checkpoint_seen_us_ = 0;  // since when a checkpoint is at it; 0: none
};

}  // namespace understudy
