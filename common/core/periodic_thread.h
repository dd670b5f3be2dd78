// PeriodicThread: a named thread that does a piece of work again and again, with a pause between
// that the work decides: where nothing changes it may look less often.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace understudy {

class PeriodicThread {
 public:
  // Returns the pause until the next time; must not throw.
  using Work = std::function<std::chrono::milliseconds()>;
  // The first time comes after `first_pause`. The name has at most 15 characters.
  PeriodicThread(std::string name, std::chrono::milliseconds first_pause, Work work);
  ~PeriodicThread();  // waits for a piece of work under way
  PeriodicThread(const PeriodicThread&) = delete;
  PeriodicThread& operator=(const PeriodicThread&) = delete;

 private:
  void run();

  std::chrono::milliseconds pause_;
  Work work_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace understudy
