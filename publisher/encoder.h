// Encoder: turns frames of the WAL into records, and pages of a scan into a repair record.
//
// Invariants
//  - The table of page hashes is always that of the last frame taken in; record n's sums are the
//    table's sum before and after it.
//  - A delta is made only against content whose hash is the one in the table, so it fits what every
//    standby has at that point of the record. Anything else goes whole.
//  - Memory does not depend on the size of a transaction: full parts leave for the queue.
//
// Owned by the capture thread.
#pragma once

#include "common/core/errors.h"
#include "common/record/page_hashes.h"
#include "common/record/record.h"
#include "publisher/page_cache.h"
#include "publisher/part_queue.h"
#include "publisher/wal_tail.h"

namespace understudy {

// The log thread took nothing for too long: capture lets go of the WAL.
class LogStalled : public Error {
 public:
  using Error::Error;
};

// The tail's chain broke, or the database is not what it left behind: attach anew, repair.
class TailLost : public Error {
 public:
  using Error::Error;
};

class Encoder final : public TailSink {
 public:
  enum class Mode {
    records,   // each commit is a record
    repair,    // commits and scanned pages flow into one open record
    learning,  // first scan of a stream: the table is filled, nothing is recorded
  };

  // `database` gives former contents. `position` is the state that `hashes` stands for.
  Encoder(wal::RawDatabase& database, PartQueue& queue, const StreamId& stream,
          const Position& position, PageHashes hashes);

  void set_mode(Mode mode) { mode_ = mode; }
  [[nodiscard]] Mode mode() const { return mode_; }

  // Throws TailLost when somebody wrote to the database file below SQLite.
  void on_frame(const TailFrame& frame) override;
  // A page as the scan reads it, as of the last frame taken in.
  void on_scanned_page(PageNo page, ByteView content, const wal::Cursor& cursor);
  // Ends the repair record (none is made when nothing differed) or the learning, at `cursor`.
  void finish_scan(std::uint32_t page_count, const wal::Cursor& cursor);
  // Hands what is encoded to the log thread. Throws LogStalled.
  void flush();

  [[nodiscard]] const PageHashes& hashes() const { return hashes_; }
  [[nodiscard]] PageHashes& hashes() { return hashes_; }
  // After the last closed record; not meaningful while a repair record is open.
  [[nodiscard]] Position position() const { return position_; }
  [[nodiscard]] bool has_open_record() const { return open_; }

 private:
  void add_change(PageNo page, PageHash hash, ByteView content, wal::FrameNo frame);
  [[nodiscard]] ByteView read_former_content(PageNo page, wal::FrameNo frame);
  void add_pages_never_written(std::uint32_t page_count, wal::FrameNo frame);
  void open_record();
  void end_part(bool last, std::uint32_t page_count);
  void close_record(std::uint32_t page_count, const wal::Cursor& cursor);

  wal::RawDatabase& database_;
  PartQueue& queue_;
  StreamId stream_;
  Position position_;
  PageHashes hashes_;
  Mode mode_ = Mode::records;
  PageCache cache_;

  bool former_is_exact_ = false;  // of the frame being taken in
  bool open_ = false;             // a record has begun
  PartHeader part_;               // of the part being filled
  PageNo page_count_before_ = 0;
  PartBuilder builder_;
  Bytes delta_;         // scratch
  Bytes former_;        // scratch
  PendingBatch batch_;  // parts that are ready
};

}  // namespace understudy
