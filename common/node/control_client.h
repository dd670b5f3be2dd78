// ControlClient: asks a running node over its control socket (common/api).
// One thread at a time. Each call is a connection of its own.
#pragma once

#include "common/node/command_handler.h"
#include "common/node/status.h"

#include <string>

namespace understudy {

enum class WaitResult {
  reached,
  timed_out,
  stopped,  // no process runs, or it stopped meanwhile
};

class ControlClient {
 public:
  explicit ControlClient(std::string socket_path);

  // nullopt: no process answers there. Throws TransportError when what answers is not a node, or
  // the user may not ask it.
  std::optional<Status> status();
  // The cluster as the node sees it (schemas/cluster.schema.json), as text. Likewise.
  std::optional<std::string> cluster();
  // Blocks until `standbys` standbys have `seq` at `level` (on a standby: itself), or the timeout.
  WaitResult wait(Seq seq, Level level, std::size_t standbys, std::int64_t timeout_ms);
  // POSTs `target` ("/promote?force=1"). nullopt: no process answers there. Throws TransportError
  // when the node answers that it cannot take the command.
  std::optional<CommandResult> command(const std::string& target,
                                       std::int64_t timeout_s = kCommandTimeout_s);

  // A hook and an open transaction may take their time.
  static constexpr std::int64_t kCommandTimeout_s = 120;

 private:
  std::string socket_path_;
};

}  // namespace understudy
