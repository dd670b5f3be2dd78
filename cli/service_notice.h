// ServiceNotice: tells the service manager that started this process (systemd, units of
// Type=notify) how it is: READY=1 once all nodes are up that are waited for, STATUS=, WATCHDOG=1
// while all loops turn, STOPPING=1. A node with a lease has a shorter watchdog than most units:
// WATCHDOG_USEC= says so. Where nobody asked to be told (no NOTIFY_SOCKET) it does nothing.
//
// Invariant: WATCHDOG=1 is never sent while a loop is stuck (common/core/heartbeat.h); so systemd
// ends and restarts a process that still has all its threads and yet does not replicate.
//
// Made and destroyed on the main thread. Threads of its own: "service" looks and tells, "watchdog"
// says WATCHDOG=1, and waits for nothing else.
#pragma once

#include "common/core/periodic_thread.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace understudy {

struct ServiceState {
  bool is_up = false;        // has found its role
  bool is_left_out = false;  // failed, and is not waited for: it holds nobody else up
  std::string text;          // one line, for `systemctl status`
  // A node that is silent for longer breaks what its lease promises; 0: it has none.
  std::chrono::microseconds longest_watchdog{0};
};

class ServiceNotice {
 public:
  // `look` is called on this object's thread, some times a second until all is up.
  explicit ServiceNotice(std::function<ServiceState()> look);
  ~ServiceNotice();
  ServiceNotice(const ServiceNotice&) = delete;
  ServiceNotice& operator=(const ServiceNotice&) = delete;

  static void say_stopping();  // any thread

 private:
  [[nodiscard]] std::chrono::milliseconds tell();
  void heed_lease(std::chrono::microseconds longest);
  [[nodiscard]] std::chrono::milliseconds feed();
  [[nodiscard]] bool all_turn();

  std::function<ServiceState()> look_;
  std::chrono::microseconds unit_watchdog_{0};  // systemd wants a word that often; 0: none
  std::atomic<std::int64_t> watchdog_us_{0};    // that, or less, as told
  std::atomic<bool> is_ready_{false};
  std::atomic<bool> is_turning_{true};  // as the watchdog thread saw last

  // Of the service thread.
  std::string text_;  // as last told
  std::int64_t extended_at_us_ = 0;
  bool said_missing_ = false;
  // Last: they use all of the above.
  std::unique_ptr<PeriodicThread> feeder_;
  std::unique_ptr<PeriodicThread> thread_;
};

}  // namespace understudy
