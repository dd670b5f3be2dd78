// LogWriter: the publisher's log thread. Takes what waits in the PartQueue, makes it into batches,
// appends and fsyncs them in one go, and only then passes them on (invariant 3: durable before
// visible). Owns the Backend for writing.
#pragma once

#include "common/backend/backend.h"
#include "common/metering/meters.h"
#include "common/snapshot/retention_floor.h"
#include "publisher/part_queue.h"

#include <atomic>
#include <condition_variable>
#include <functional>

namespace understudy {

class LogWriter {
 public:
  // Called on the log thread after each fsync with the batches that became durable, and after a
  // trim with none.
  using OnDurable =
      std::function<void(const LogBounds& bounds, std::span<const BatchView> batches)>;

  // `floors`: the records after them are kept; called on the log thread.
  LogWriter(Backend& backend, PartQueue& queue, RetentionPolicy retention,
            std::function<RetentionFloors()> floors, Meters& meters, OnDurable on_durable);

  // Until the queue is closed and drained. Waits out a full disk; throws when anything else fails.
  void run();

  [[nodiscard]] LogBounds bounds() const;                         // any thread
  [[nodiscard]] bool is_disk_full() const { return disk_full_; }  // any thread
  // True: everything up to `seq` is durable; false after `patience`. Any thread.
  bool wait_durable(Seq seq, std::chrono::milliseconds patience) const;

 private:
  void append(const std::vector<PendingBatch>& pending);
  void append_durably(std::span<const BatchView> views, ByteView cursor);
  void set_bounds();
  void do_upkeep();
  void trim();

  Backend& backend_;
  PartQueue& queue_;
  RetentionPolicy retention_;
  std::function<RetentionFloors()> floors_;
  Meters& meters_;
  OnDurable on_durable_;
  std::atomic<bool> disk_full_{false};
  std::int64_t last_upkeep_us_ = 0;

  mutable std::mutex mutex_;  // guards bounds_
  mutable std::condition_variable advanced_;
  LogBounds bounds_;
};

}  // namespace understudy
