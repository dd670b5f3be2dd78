#include "subscriber/fresh_batches.h"

#include <utility>

namespace understudy {

void FreshBatches::put(std::span<const DurableBatch> batches, PartKey log_end) {
  const std::lock_guard lock(mutex_);
  log_end_ = log_end;
  for (const auto& batch : batches) {
    if (bytes_ + batch.blob->size() > limit_) return;
    bytes_ += batch.blob->size();
    batches_.push_back(batch);
  }
}

void FreshBatches::clear() {
  const std::lock_guard lock(mutex_);
  batches_.clear();
  bytes_ = 0;
  log_end_.reset();
}

bool FreshBatches::is_log_end(PartKey from) {
  const std::lock_guard lock(mutex_);
  return log_end_ && *log_end_ <= from;
}

std::optional<DurableBatch> FreshBatches::take(PartKey from) {
  const std::lock_guard lock(mutex_);
  while (!batches_.empty() && batches_.front().header.next() <= from) pop();
  if (batches_.empty() || from < batches_.front().header.first) return std::nullopt;
  auto batch = std::move(batches_.front());
  bytes_ -= batch.blob->size();
  batches_.pop_front();
  return batch;
}

void FreshBatches::pop() {
  bytes_ -= batches_.front().blob->size();
  batches_.pop_front();
}

}  // namespace understudy
