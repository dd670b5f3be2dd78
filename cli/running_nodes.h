// RunningNodes: all the nodes of a configuration file in one process, each on a thread of its own.
//
// Invariants
//  - What befalls one node is told and leaves the others alone. The process ends when it is told
//    to, when no node is left that goes on, or when one fails that led by a lease: its application
//    must end, too, before another node leads.
//  - What runs goes on with the options that it began with: a file that was changed meanwhile says
//    what a restart would change. Nodes that do not run, and new ones, begin with the new ones.
//
// run() on the main thread, stop() and reload() from any.
#pragma once

#include "cli/config_file.h"
#include "cli/node_life.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace understudy {

class RunningNodes {
 public:
  // `file`: to be read again.
  RunningNodes(std::string file, Config config);
  ~RunningNodes();  // run() has returned, or was never called
  RunningNodes(const RunningNodes&) = delete;
  RunningNodes& operator=(const RunningNodes&) = delete;

  // Until stop(), or all are given up. The gravest code of those that did not end well.
  [[nodiscard]] ExitCode run();
  void stop();
  void reload();
  // Up when each is that is not left out, and any is; the text tells of those that failed first.
  [[nodiscard]] ServiceState service_state();

 private:
  struct Running {
    Running(ConfiguredNode node, std::function<void()> given_up);

    ConfiguredNode configured;
    NodeLife life;
    std::thread thread;  // of `life`
  };

  void begin(ConfiguredNode node);              // under mutex_
  [[nodiscard]] bool is_any_left() const;       // under mutex_
  [[nodiscard]] bool is_any_unguarded() const;  // under mutex_
  void compare_log(const Config& config) const;
  void reload_keys();
  void compare(std::vector<ConfiguredNode> nodes);  // under mutex_
  void compare_one(Running& running, ConfiguredNode node);

  std::string file_;
  Config config_;     // as it was at the start
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Running> nodes_;  // only grows
  bool stopping_ = false;
};

}  // namespace understudy
