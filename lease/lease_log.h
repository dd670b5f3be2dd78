// LeaseLog: what the keeper says goes into the log by a thread of its own, since writing a line
// waits for whoever reads our stderr, and the lease thread has a deadline to keep.
//
// Invariant: write() does not wait. Beyond kMost lines the newer ones are dropped, and counted in
// the log once it takes lines again.
#pragma once

#include "lease/lease_keeper.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace understudy {

class LeaseLog {
 public:
  static constexpr std::size_t kMost = 256;

  LeaseLog();
  ~LeaseLog();  // what was said is written
  LeaseLog(const LeaseLog&) = delete;
  LeaseLog& operator=(const LeaseLog&) = delete;

  void write(lease::Say said);  // any thread

 private:
  void run();

  std::mutex mutex_;  // guards what follows
  std::condition_variable filled_;
  std::deque<lease::Say> lines_;
  std::size_t dropped_ = 0;
  bool is_ending_ = false;

  std::thread thread_;
};

}  // namespace understudy
