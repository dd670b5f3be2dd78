#include "common/http/workers.h"

#include "common/core/thread_subject.h"

#include <pthread.h>

#include <utility>

namespace understudy::http {

Workers::Workers(std::string name, std::size_t threads, std::size_t queue)
    : name_(std::move(name)), thread_limit_(threads), queue_limit_(queue) {}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool Workers::post(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || jobs_.size() >= queue_limit_) return false;
  jobs_.push_back(std::move(job));
  if (jobs_.size() > idle_ && threads_.size() < thread_limit_) {
    threads_.push_back(start_thread([this] { run(); }));
  }
  changed_.notify_one();
  return true;
}

void Workers::run() {
  ::pthread_setname_np(::pthread_self(), name_.c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    --idle_;
    if (stopping_) return;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace understudy::http
