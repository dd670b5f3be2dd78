// Api: a node's HTTP interface (schemas/control-api.md) on its control socket (mode 0600, in its
// state directory) and, where the operator asks for it, on a TCP port.
//
// Invariants
//  - Only POST changes the node. Who may open the control socket may command; over TCP only who
//    brings the token, and none is taken in the clear from other machines.
//  - One command at a time; another one that comes meanwhile is told so.
//  - Bounded, whoever asks (common/http/server.h); the control socket has a server of its own, so
//    what happens on the port does not touch it. /liveness and the health checks never wait for
//    other requests, /status never for those that wait.
//
// Owned by the Supervisor. Threads: those of the servers, "control" and "http".
#pragma once

#include "common/api/http_options.h"
#include "common/api/node_view.h"
#include "common/node/command_handler.h"

#include <memory>
#include <optional>

namespace understudy {

struct ApiOptions {
  std::string control_socket;
  std::optional<HttpOptions> http;
};

class Api {
 public:
  static constexpr int kMaxWaits = 6;  // at once, on each listener

  // Listens from here on; `node` and `commands` outlive it. Replaces a socket that a killed process
  // left behind: the caller holds the StateLock. Throws IoError, ConfigError.
  Api(const ApiOptions& options, const NodeView& node, CommandHandler& commands);
  ~Api();  // waiting clients are answered "stopping" first
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

 private:
  class Listeners;
  std::unique_ptr<Listeners> listeners_;
};

}  // namespace understudy
