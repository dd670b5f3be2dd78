#include "publisher/part_queue.h"

namespace understudy {

bool PartQueue::push(PendingBatch batch, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const auto has_room = [&] {
    return closed_ || bytes_ == 0 || bytes_ + batch.raw.size() <= max_bytes_;
  };
  if (!drained_.wait_for(lock, patience, has_room) || closed_) return false;
  bytes_ += batch.raw.size();
  batches_.push_back(std::move(batch));
  lock.unlock();
  filled_.notify_one();
  return true;
}

std::vector<PendingBatch> PartQueue::take(std::size_t max_bytes,
                                          std::chrono::milliseconds patience) {
  std::vector<PendingBatch> taken;
  std::unique_lock lock(mutex_);
  filled_.wait_for(lock, patience, [&] { return closed_ || !batches_.empty(); });
  std::size_t taken_bytes = 0;
  while (!batches_.empty() &&
         (taken.empty() || taken_bytes + batches_.front().raw.size() <= max_bytes)) {
    taken_bytes += batches_.front().raw.size();
    taken.push_back(std::move(batches_.front()));
    batches_.pop_front();
  }
  bytes_ -= taken_bytes;
  lock.unlock();
  drained_.notify_one();
  return taken;
}

void PartQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  filled_.notify_all();
  drained_.notify_all();
}

bool PartQueue::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace understudy
