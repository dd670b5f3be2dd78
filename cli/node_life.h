// NodeLife: the node of one database in a process: made, run, ended, and begun again when what
// ended it may pass.
//
// Invariant: at most one Supervisor of the database exists, and all that one had of it (locks,
// ports, connections) is gone before the next is made.
//
// run_once() or live() on one thread; the others from any.
#pragma once

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/service_notice.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

namespace understudy {

class Supervisor;

class NodeLife {
 public:
  // In a row: that is some seconds of pauses, for a port or a disk that comes a little late.
  static constexpr int kTriesWaitedFor = 4;

  // `given_up` is called, on the thread that lives, when is_given_up() has become true.
  explicit NodeLife(
      NodeCommand command, std::function<void()> given_up = [] {});
  ~NodeLife();
  NodeLife(const NodeLife&) = delete;
  NodeLife& operator=(const NodeLife&) = delete;

  // Until stop(), or throws what the node cannot go on with.
  void run_once();
  // Until stop(): failures are told in the log, and the node is begun again (cli/restart_policy.h).
  void live();

  void stop();
  // The list of peers, and the certificate of --http, are read again.
  void reload_keys();
  // A node that was given up, or waits for its next try, is begun now; with `command`. False: it
  // runs, and goes on as it does.
  bool begin_again(NodeCommand command);

  [[nodiscard]] const std::string& database() const { return database_; }
  // It failed and waits for somebody who looks at it: begin_again(), or stop().
  [[nodiscard]] bool is_given_up() const;
  // It failed while it led by a lease. Only the end of the process ends its application, too.
  [[nodiscard]] bool is_unguarded() const;
  // Up once it has found its role. Left out: it was given up, or failed kTriesWaitedFor times.
  [[nodiscard]] ServiceState service_state() const;
  // How it ended, or stands: ok while nothing is wrong.
  [[nodiscard]] ExitCode code() const;

 private:
  // nullopt: it was stopped.
  [[nodiscard]] std::optional<ExitCode> try_once();
  void wait_for(std::chrono::milliseconds pause);
  void wait_for_somebody();

  // Who it is that stop() tells; null: nobody. False: it is stopped already.
  [[nodiscard]] bool show(Supervisor* supervisor);

  std::string database_;
  std::function<void()> given_up_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  NodeCommand command_;
  Supervisor* supervisor_ = nullptr;  // while it runs
  ExitCode code_ = ExitCode::ok;
  std::string trouble_;  // what the last run failed of
  bool stopping_ = false;
  bool is_given_up_ = false;
  bool is_unguarded_ = false;
  bool is_pausing_ = false;
  int failed_tries_ = 0;  // in a row
};

}  // namespace understudy
