// FrameCopier: reads committed frames out of the -wal file, in large pieces, and verifies the
// checksum chain of each before it is handed out. Memory is one piece, whatever the transaction.
//
// SQLite up to 3.40.1 at least commits frames without a checksum now and then: a transaction that
// spilled, overwrote a spilled frame and then rolled back to a savepoint before it (wal.c:
// sqlite3WalSavepointUndo keeps iReCksum). Such a frame has zeros for salts and checksum, and the
// chain begins anew behind it. It is committed all the same: the wal-index says so, readers see it.
// So it is taken when the wal-index names the same page for it.
//
// Requires locks that shut out a reset while it reads. Owned by the capture thread.
#pragma once

#include "publisher/wal_tail.h"

namespace understudy {

class FrameCopier {
 public:
  explicit FrameCopier(wal::RawDatabase& database);

  // The cursor before the first frame of the generation that `header` belongs to.
  // nullopt: the file does not begin so.
  [[nodiscard]] std::optional<wal::Cursor> begin_generation(const wal::IndexHeader& header);

  // Is the prefix that `cursor` names in the WAL, ending at a commit? Returns the database size
  // after it; nullopt: it is not there. 0: before the first frame.
  [[nodiscard]] std::optional<std::uint32_t> find_prefix(const wal::Cursor& cursor,
                                                         const wal::IndexHeader& header);

  struct Position {
    wal::Cursor cursor;
    std::uint32_t page_count = 0;
    bool at_commit = true;
    std::uint64_t unsummed_frames = 0;  // committed without a checksum, see above
    bool is_unsummed = false;           // the last one was
    wal::FrameNo exact_from = 0;        // see TailFrame::former_is_exact
  };
  // Hands out the frames behind `position` up to `header.last_frame`, and moves it along: at most
  // `budget` frames, and fewer to end at a commit when half of it is used up.
  // False: the chain is broken, and `position` is behind the last good frame.
  [[nodiscard]] bool copy(Position& position, const wal::IndexHeader& header, std::size_t budget,
                          TailSink& sink);

 private:
  [[nodiscard]] bool read_piece(wal::FrameNo first, std::size_t count);
  [[nodiscard]] bool hand_out(std::size_t index, Position& position, const wal::IndexHeader& header,
                              TailSink& sink);

  [[nodiscard]] std::optional<wal::Checksum> verify(const wal::FrameHeader& head,
                                                    wal::Checksum computed, const Position& before,
                                                    const wal::IndexHeader& header);

  wal::RawDatabase& database_;
  std::size_t frame_size_;
  Bytes piece_;  // whole frames, at least one
};

}  // namespace understudy
