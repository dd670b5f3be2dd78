// PartQueue: encoded parts on their way from the capture thread to the log thread, already grouped
// into the batches that they will be fsynced and sent in. Bounded by bytes: when the log thread
// cannot keep up (a full disk), push() waits, and gives up after a while, so that capture can let
// go of the application's WAL.
#pragma once

#include "common/record/batch.h"
#include "common/wal/wal_format.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace understudy {

// A batch before it is compressed.
struct PendingBatch {
  BatchHeader header;
  Bytes raw;                          // encoded parts, one after another; none: the cursor alone
  std::optional<wal::Cursor> cursor;  // of the WAL, after the last record that ends in it
};

class PartQueue {
 public:
  explicit PartQueue(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // False: no room within `patience`, or closed.
  [[nodiscard]] bool push(PendingBatch batch, std::chrono::milliseconds patience);
  // Everything that waits, at most `max_bytes` of it (at least one); empty after `patience`.
  [[nodiscard]] std::vector<PendingBatch> take(std::size_t max_bytes,
                                               std::chrono::milliseconds patience);
  void close();  // wakes both sides; push() refuses from now on, take() drains
  [[nodiscard]] bool is_closed() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable drained_;
  std::deque<PendingBatch> batches_;
  std::size_t bytes_ = 0;
  std::size_t max_bytes_;
  bool closed_ = false;
};

}  // namespace understudy
