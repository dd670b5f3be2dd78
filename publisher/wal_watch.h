// WalWatch: how the capture thread waits. While there is traffic it sleeps for a fraction of a
// millisecond at a time; when idle it waits for inotify on the WAL, for inotify's wake-ups slow
// a busy writer. wake() ends a wait from any other thread.
#pragma once

#include <chrono>
#include <string>

namespace understudy {

class WalWatch {
 public:
  explicit WalWatch(std::string wal_path);
  ~WalWatch();
  WalWatch(const WalWatch&) = delete;
  WalWatch& operator=(const WalWatch&) = delete;

  // Waits for a write to the WAL, a wake(), or `at_most`. False: the time was over.
  bool wait_idle(std::chrono::milliseconds at_most);
  // Sleeps for `duration` with microsecond accuracy; a wake() does not shorten it.
  static void nap(std::chrono::microseconds duration);
  void leave_idle();  // traffic again: no inotify until the next wait_idle()
  void wake();

 private:
  void start_watching();

  std::string wal_path_;
  int inotify_ = -1;
  int watch_ = -1;  // while idle
  int wake_ = -1;   // eventfd
};

}  // namespace understudy
