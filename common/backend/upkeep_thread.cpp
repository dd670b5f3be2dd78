#include "common/backend/upkeep_thread.h"

#include "common/core/errors.h"

#include <pthread.h>

#include <chrono>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kLookEvery{100};

}  // namespace

UpkeepThread::UpkeepThread(const Backend& backend) : backend_(backend) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "upkeep");
    run();
  });
}

UpkeepThread::~UpkeepThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void UpkeepThread::run() {
  std::unique_ptr<Upkeep> upkeep;
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, kLookEvery, [this] { return stopping_; })) {
    if (backend_.wal_backlog() < Backend::kWalBacklogTarget) continue;
    lock.unlock();
    try {
      if (!upkeep) upkeep = backend_.open_upkeep();
      upkeep->run();
    } catch (const Error&) {
      upkeep.reset();  // tried again with a new connection; append() reports what is really wrong
    }
    lock.lock();
  }
}

}  // namespace understudy
