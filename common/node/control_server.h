// ControlServer: answers about a node over HTTP on a Unix socket (mode 0600) in its state
// directory: /status, /health, /wait and the commands. The API: schemas/control-api.md.
//
// Invariants
//  - Only POST changes the node. Who may open the socket may command.
//  - One command at a time; another one that comes meanwhile is told so.
//  - Bounded: kWorkers threads, at most kMaxWaits of them waiting, so /status is always answered;
//    requests have no body and little header; a silent client is dropped after two seconds.
//  - An idle server uses no processor time.
//
// Owned by the Node. Threads: one accepting ("control"), kWorkers answering.
#pragma once

#include "common/node/command_handler.h"
#include "common/node/status.h"

#include <memory>
#include <string>

namespace understudy {

class StatusSource {
 public:
  virtual ~StatusSource() = default;
  // Thread-safe and cheap: waiting clients ask every few milliseconds.
  [[nodiscard]] virtual Status status() const = 0;
};

class ControlServer {
 public:
  static constexpr int kWorkers = 8;
  static constexpr int kMaxWaits = 6;

  // Listens from here on. Replaces a socket that a killed process left behind: the caller holds
  // the StateLock. Throws IoError.
  ControlServer(const std::string& socket_path, const StatusSource& source,
                CommandHandler& commands);
  ~ControlServer();  // stops; waiting clients are answered "stopping" first

 private:
  class Listener;
  std::unique_ptr<Listener> listener_;
};

}  // namespace understudy
