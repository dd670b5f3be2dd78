// ServiceNotice: tells the service manager that started this process (systemd, units of
// Type=notify) how it is: READY=1 once all nodes are up that are waited for, STATUS=, WATCHDOG=1
// while all loops turn, STOPPING=1. Where nobody asked to be told (no NOTIFY_SOCKET) it does
// nothing.
//
// Invariant: WATCHDOG=1 is never sent while a loop is stuck (common/core/heartbeat.h); so systemd
// ends and restarts a process that still has all its threads and yet does not replicate.
//
// Made and destroyed on the main thread; its own thread ("service") looks and tells.
#pragma once

#include "common/core/periodic_thread.h"

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
  [[nodiscard]] bool all_turn();

  std::function<ServiceState()> look_;
  std::chrono::microseconds watchdog_{0};  // systemd wants a word that often; 0: none
  std::string text_;                       // as last told
  std::int64_t extended_at_us_ = 0;
  bool is_ready_ = false;
  bool is_stuck_ = false;
  std::unique_ptr<PeriodicThread> thread_;  // last: it uses all of the above
};

}  // namespace understudy
