#include "replay/snapshot_ahead.h"

#include "common/core/thread_subject.h"
#include "replay/database_image.h"

#include <pthread.h>

#include <utility>

namespace understudy {

SnapshotAhead::SnapshotAhead(std::unique_ptr<SnapshotReader> reader)
    : reader_(std::move(reader)), thread_(start_thread([this] { run(); })) {}

SnapshotAhead::~SnapshotAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SnapshotAhead::run() {
  pthread_setname_np(pthread_self(), "snapshot-ahead");
  std::exception_ptr failure;
  try {
    read_all();
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  is_over_ = true;
  changed_.notify_all();
}

void SnapshotAhead::read_all() {
  for (;;) {
    Item item{reader_->next(), {}};
    const bool is_last = std::holds_alternative<SnapshotEnd>(item.frame) ||
                         std::holds_alternative<SnapshotDamage>(item.frame);
    if (const auto* pages = std::get_if<SnapshotPages>(&item.frame)) {
      item.hashes = hash_block(*pages, reader_->header().page_size);
    }
    if (!put(std::move(item)) || is_last) return;
  }
}

bool SnapshotAhead::put(Item item) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return items_.size() < kAhead || stopping_; });
  if (stopping_) return false;
  items_.push_back(std::move(item));
  changed_.notify_all();
  return true;
}

SnapshotAhead::Item SnapshotAhead::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !items_.empty() || is_over_; });
  if (items_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return {SnapshotEnd{}, {}};
  }
  auto item = std::move(items_.front());
  items_.pop_front();
  changed_.notify_all();
  return item;
}

}  // namespace understudy
