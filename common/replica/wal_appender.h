// WalAppender: writes commits into the replica's WAL and wal-index, as an SQLite writer would.
//
// Question answered: at which instant does a commit exist? Frames are written beyond last_frame as
// they come, where no reader looks, all but the newest: that one is held back in memory, because
// the last one of a commit is its commit frame. A commit frame on disk can become visible by
// SQLite's recovery after a kill. So publish() does, in this order: ring entry, commit frame,
// index entry, header. Before it nothing that was appended can ever be seen; abandon() just goes
// back to last_frame, and the next append overwrites.
//
// Requires the WRITE lock, exclusive, all the time. A new WAL generation begins at the first frame
// of a commit, when everything is backfilled and no reader uses the WAL; CKPT is held meanwhile, so
// that no checkpoint ever starts on the old header and ends on the new one (SQLite's WAL-reset
// bug). One thread. After an exception the object may only be destroyed.
#pragma once

#include "common/replica/applied_ring.h"
#include "common/wal/raw_database.h"

namespace understudy {

class WalAppender {
 public:
  // Shorter WALs are not reset: each reset costs a sync.
  static constexpr wal::FrameNo kShortestReset = 1000;

  // `committed` is the valid header, read under the WRITE lock.
  WalAppender(wal::RawDatabase& raw, AppliedRing& ring, const wal::IndexHeader& committed);

  [[nodiscard]] const wal::IndexHeader& committed() const { return committed_; }
  [[nodiscard]] bool has_uncommitted() const { return appended_ != committed_.last_frame; }

  // Between two commits: lets the ring name what is committed, for one whose position was found
  // in another way.
  void note_position(const Position& position);
  // Starts a generation if there is no frame, or it is time to. `position` is what is committed.
  void begin_commit(const Position& position);
  void append(PageNo page, ByteView content);
  // Writes what append() gathered, all but the newest frame.
  void flush();
  // Makes everything that was appended since the last commit visible, as `position`.
  // Requires that its record is durable in the backend. Without frames: notes the position only.
  void publish(const Position& position, std::uint32_t page_count);
  void abandon();

  // The newest content of a page, uncommitted frames included. False: in no frame, and so what the
  // database file has.
  void read_newest(PageNo page, std::span<std::byte> out);
  void read_committed(PageNo page, std::span<std::byte> out);
  // Page of a frame that was appended since the last commit, from committed().last_frame + 1 on.
  [[nodiscard]] PageNo uncommitted_page(wal::FrameNo frame);
  [[nodiscard]] wal::FrameNo appended() const { return appended_; }

 private:
  void start_generation(const Position& position);
  [[nodiscard]] bool try_start_generation(const Position& position);
  void write_header();
  void encode_held(std::uint32_t page_count_after);

  wal::RawDatabase& raw_;
  AppliedRing& ring_;
  wal::IndexHeader committed_;
  bool header_on_disk_;           // the WAL file begins with the header of this generation
  wal::Checksum checksum_;        // of the last encoded frame (of the WAL header for frame 0)
  wal::FrameNo appended_ = 0;     // last frame, the held one included
  wal::FrameNo written_ = 0;      // last frame in file and index
  Bytes buffer_;                  // frames written_+1 …, encoded
  std::vector<PageNo> buffered_;  // their pages
  PageNo held_page_ = 0;          // 0: none
  Bytes held_;                    // frame header (filled late) and content
};

}  // namespace understudy
