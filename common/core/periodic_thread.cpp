#include "common/core/periodic_thread.h"

#include <pthread.h>

namespace understudy {

PeriodicThread::PeriodicThread(std::string name, std::chrono::milliseconds every,
                               std::function<void()> work)
    : every_(every), work_(std::move(work)) {
  thread_ = std::thread([this, name = std::move(name)] {
    pthread_setname_np(pthread_self(), name.c_str());
    run();
  });
}

PeriodicThread::~PeriodicThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void PeriodicThread::run() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, every_, [this] { return stopping_; })) {
    lock.unlock();
    work_();
    lock.lock();
  }
}

}  // namespace understudy
