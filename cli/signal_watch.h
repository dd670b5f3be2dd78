// SignalWatch: SIGTERM and SIGINT as a call. The first one asks for a clean end, the second ends
// the process at once with ExitCode::forced.
//
// Make it on the main thread before any other thread is made: it blocks both signals, and threads
// inherit that. Its own thread ("signals") only waits.
#pragma once

#include <functional>
#include <thread>

namespace understudy {

class SignalWatch {
 public:
  // `stop` is called once, with the name of the signal, on the watching thread.
  explicit SignalWatch(std::function<void(const char* signal)> stop);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void watch();

  std::function<void(const char*)> stop_;
  int signals_;  // signalfd
  int ended_;    // eventfd: the watch is over
  std::thread thread_;
};

}  // namespace understudy
