// FreshBatches: batches that have just become durable, on their way from the log thread to the
// apply thread, so that the backend need not be read for them.
//
// Invariants: only durable batches are here, in their order; holes are allowed, for what does not
// fit is left out and read from the log. Bounded by `limit` bytes. Any thread.
#pragma once

#include "common/record/batch.h"

#include <deque>
#include <memory>
#include <mutex>

namespace understudy {

// A batch that is fsynced in the local backend.
struct DurableBatch {
  BatchHeader header;
  std::shared_ptr<const Bytes> blob;
  [[nodiscard]] BatchView view() const { return {header, *blob}; }
};

class FreshBatches {
 public:
  explicit FreshBatches(std::size_t limit) : limit_(limit) {}

  // The log has grown by `batches`, to `log_end`: the part that it expects next.
  void put(std::span<const DurableBatch> batches, PartKey log_end);
  // Parts were taken back from the log: what is here may not be in it.
  void clear();
  // The log is known to hold nothing from `from` on.
  [[nodiscard]] bool is_log_end(PartKey from);
  // The batch that contains part `from`; nullopt: not here, ask the log. Forgets those before it.
  [[nodiscard]] std::optional<DurableBatch> take(PartKey from);

 private:
  void pop();

  const std::size_t limit_;
  std::mutex mutex_;  // guards what follows
  std::deque<DurableBatch> batches_;
  std::size_t bytes_ = 0;
  std::optional<PartKey> log_end_;  // nullopt: not known
};

}  // namespace understudy
