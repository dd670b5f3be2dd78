#include "takeover/conductor.h"

#include "common/core/thread_subject.h"

#include <pthread.h>

#include <chrono>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kBusyTick{20};
constexpr std::chrono::milliseconds kIdleTick{1000};

}  // namespace

Conductor::Conductor(Options options) : options_(std::move(options)) {
  thread_ = start_thread([this] {
    ::pthread_setname_np(::pthread_self(), "takeover");
    try {
      run();
    } catch (...) {
      options_.failed(std::current_exception());
    }
  });
}

Conductor::~Conductor() {
  end();
}

void Conductor::end() {
  stop();
  if (thread_.joinable()) thread_.join();
  std::deque<Task> dropped;  // outside the lock: what waits for them is told by their end
  const std::lock_guard lock(mutex_);
  dropped.swap(tasks_);
}

void Conductor::post(Task task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  tasks_.push_back(std::move(task));
  filled_.notify_one();
}

void Conductor::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  filled_.notify_one();
}

bool Conductor::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Conductor::run() {
  for (;;) {
    Task task;
    {
      const auto patience = options_.is_busy() ? kBusyTick : kIdleTick;
      std::unique_lock lock(mutex_);
      filled_.wait_for(lock, patience, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      if (!tasks_.empty()) {
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
    }
    if (task)
      task();
    else
      options_.tick();
  }
}

}  // namespace understudy
