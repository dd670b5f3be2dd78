#include "cli/commands.h"
#include "cli/node_path.h"
#include "common/core/errors.h"
#include "common/node/control_client.h"

#include <fmt/format.h>

namespace understudy {

ExitCode run(const WaitCommand& command) {
  const auto node = find_node(command.of);
  ControlClient client(node.directory.control_socket());
  switch (client.wait(command.seq, command.level, command.standbys, command.timeout_ms)) {
    case WaitResult::reached:
      return ExitCode::ok;
    case WaitResult::timed_out:
      fmt::print(stderr,
                 "understudy: seq {} is not {} after {} ms; see: understudy status --state {}\n",
                 command.seq, to_string(command.level), command.timeout_ms, node.directory.path());
      return ExitCode::negative;
    case WaitResult::stopped:
      break;
  }
  throw TransportError(fmt::format("{} does not run (no answer from {}); start it, then wait",
                                   node.identity.node, node.directory.control_socket()));
}

}  // namespace understudy
