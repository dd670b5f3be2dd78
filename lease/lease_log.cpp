#include "lease/lease_log.h"

#include "common/core/thread_subject.h"
#include "common/logging/log.h"

#include <pthread.h>

#include <utility>

namespace understudy {

LeaseLog::LeaseLog() : thread_(start_thread([this] { run(); })) {}

LeaseLog::~LeaseLog() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  filled_.notify_one();
  thread_.join();
}

void LeaseLog::write(lease::Say said) {
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= kMost) {
      ++dropped_;
      return;
    }
    lines_.push_back(std::move(said));
  }
  filled_.notify_one();
}

void LeaseLog::run() {
  ::pthread_setname_np(::pthread_self(), "lease-log");
  for (;;) {
    std::deque<lease::Say> lines;
    std::size_t dropped = 0;
    {
      std::unique_lock lock(mutex_);
      filled_.wait(lock, [this] { return is_ending_ || !lines_.empty(); });
      if (lines_.empty()) return;
      lines.swap(lines_);
      dropped = std::exchange(dropped_, 0);
    }
    for (const auto& said : lines) {
      const auto level = said.is_warning ? log::Level::warning : log::Level::info;
      log::write(level, said.event, said.text, {});
    }
    if (dropped == 0) continue;
    log::warning("lease_log_behind", "the log took no lines for a while; some are missing here",
                 {{"lines", dropped}});
  }
}

}  // namespace understudy
