// Conductor: a thread that does one task after another, and ticks between them.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace understudy {

class Conductor {
 public:
  using Task = std::function<void()>;

  // `tick` is called about each 20 ms while `is_busy` says so, and each second otherwise; both on
  // the thread. What a task throws is told by `failed`, once, and ends the thread.
  struct Options {
    std::function<bool()> is_busy;
    std::function<void()> tick;
    std::function<void(std::exception_ptr)> failed;
  };
  explicit Conductor(Options options);
  ~Conductor();  // end()
  Conductor(const Conductor&) = delete;
  Conductor& operator=(const Conductor&) = delete;

  void post(Task task);  // any thread
  // Any thread: tasks that take long should end.
  [[nodiscard]] bool is_stopping() const;
  void stop();  // any thread
  // Stops, and waits for the task under way; those that wait are dropped, and so is what comes
  // later.
  void end();

 private:
  void run();

  Options options_;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace understudy
