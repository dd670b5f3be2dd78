#include "cli/commands.h"
#include "cli/node_path.h"
#include "common/core/errors.h"
#include "common/node/control_client.h"

#include <fmt/format.h>

namespace understudy {

namespace {

// Why it is not there: nobody made it yet, or too few have it.
std::string explain_absence(const WaitCommand& command, const std::optional<Status>& status) {
  if (!status) return "the node stopped meanwhile";
  const auto at = status->position.seq;
  if (status->role == NodeRole::standby) {
    return fmt::format("{} is {}, at seq {}", status->node, to_string(status->state), at);
  }
  if (at < command.seq) return fmt::format("the last transaction is seq {}", at);
  return fmt::format("{} of {} connected standbys have it, {} must",
                     status->count_at(command.level, command.seq), status->standbys.size(),
                     command.standbys);
}

}  // namespace

ExitCode run(const WaitCommand& command) {
  const auto node = find_node(command.of);
  ControlClient client(node.directory.control_socket());
  switch (client.wait(command.seq, command.level, command.standbys, command.timeout_ms)) {
    case WaitResult::reached:
      return ExitCode::ok;
    case WaitResult::timed_out:
      fmt::print(stderr, "understudy: seq {} is not {} after {} ms: {}\n", command.seq,
                 to_string(command.level), command.timeout_ms,
                 explain_absence(command, client.status()));
      return ExitCode::negative;
    case WaitResult::stopped:
      break;
  }
  throw TransportError(fmt::format("{} does not run (no answer from {}); start it, then wait",
                                   node.identity.node, node.directory.control_socket()));
}

}  // namespace understudy
