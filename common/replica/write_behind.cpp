#include "common/replica/write_behind.h"

#include "common/core/errors.h"
#include "common/core/thread_subject.h"
#include "common/file/file.h"

#include <pthread.h>

#include <utility>

namespace understudy {

WriteBehind::WriteBehind(std::string path, std::string vfs)
    : path_(std::move(path)), vfs_(std::move(vfs)) {}

WriteBehind::~WriteBehind() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  due_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void WriteBehind::note_written(std::uint64_t bytes) {
  unsynced_ += bytes;
  if (unsynced_ < kEvery) return;
  unsynced_ = 0;
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    is_due_ = true;
  }
  due_.notify_one();
  if (!thread_.joinable()) thread_ = start_thread([this] { run(); });
}

void WriteBehind::run() {
  pthread_setname_np(pthread_self(), "write-behind");
  try {
    sync_when_due();
  } catch (const Error&) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

void WriteBehind::sync_when_due() {
  File file(path_, File::Mode::read_write, vfs_);
  while (true) {
    {
      std::unique_lock lock(mutex_);
      due_.wait(lock, [this] { return is_due_ || stopping_; });
      if (stopping_) return;
      is_due_ = false;
    }
    file.sync();
  }
}

}  // namespace understudy
