// UpkeepThread: runs a backend's Upkeep beside the log thread whenever its WAL has grown, so that
// append() never waits for a checkpoint. A failure here harms nobody: the log thread meets the same
// disk and decides.
#pragma once

#include "common/backend/backend.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace understudy {

class UpkeepThread {
 public:
  explicit UpkeepThread(const Backend& backend);  // the backend must outlive it
  ~UpkeepThread();                                // waits for a run under way

 private:
  void run();

  const Backend& backend_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace understudy
