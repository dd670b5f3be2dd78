// SignalWatch: SIGTERM and SIGINT as a call. The first one asks for a clean end, the second ends
// the process at once with ExitCode::forced. SIGHUP asks to read again what can be read again.
//
// Make it on the main thread before any other thread is made: it blocks the signals, and threads
// inherit that. Its own thread ("signals") only waits.
#pragma once

#include <functional>
#include <thread>

namespace understudy {

class SignalWatch {
 public:
  // `stop` is called once, with the name of the signal, on the watching thread; so is `reload`,
  // each time. Without `reload` SIGHUP does what it does to any process.
  explicit SignalWatch(std::function<void(const char* signal)> stop,
                       std::function<void()> reload = {});
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void watch();

  std::function<void(const char*)> stop_;
  std::function<void()> reload_;
  int signals_;  // signalfd
  int ended_;    // eventfd: the watch is over
  std::thread thread_;
};

}  // namespace understudy
