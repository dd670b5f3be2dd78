#include "common/core/periodic_thread.h"

#include "common/core/thread_subject.h"

#include <pthread.h>

namespace understudy {

PeriodicThread::PeriodicThread(std::string name, std::chrono::milliseconds first_pause, Work work)
    : pause_(first_pause), work_(std::move(work)) {
  thread_ = start_thread([this, name = std::move(name)] {
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
  while (!stop_.wait_for(lock, pause_, [this] { return stopping_; })) {
    lock.unlock();
    const auto pause = work_();
    lock.lock();
    pause_ = pause;
  }
}

}  // namespace understudy
