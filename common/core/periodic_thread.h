// PeriodicThread: a named thread that does a piece of work again and again, with a pause between.
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
  // `work` must not throw. The name has at most 15 characters.
  PeriodicThread(std::string name, std::chrono::milliseconds every, std::function<void()> work);
  ~PeriodicThread();  // waits for a piece of work under way
  PeriodicThread(const PeriodicThread&) = delete;
  PeriodicThread& operator=(const PeriodicThread&) = delete;

 private:
  void run();

  std::chrono::milliseconds every_;
  std::function<void()> work_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace understudy
