// Workers: threads that answer requests, made when they are first needed. Bounded: `threads` of
// them, `queue` jobs that wait.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace understudy::http {

class Workers {
 public:
  // `name` has at most 15 characters.
  Workers(std::string name, std::size_t threads, std::size_t queue);
  ~Workers();  // what waits is dropped, what is under way is waited for
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Any thread. False: too many wait already. Jobs must not throw.
  bool post(std::function<void()> job);

 private:
  void run();

  const std::string name_;
  const std::size_t thread_limit_;
  const std::size_t queue_limit_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace understudy::http
