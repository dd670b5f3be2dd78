// What a running node is told to do: promote, switchover, fence, unfence, pause, resume, reinit.
#include "cli/commands.h"
#include "cli/node_path.h"
#include "common/core/errors.h"
#include "common/node/control_client.h"

#include <fmt/format.h>

#include <cstdio>

namespace understudy {
namespace {

std::string stakes(const CommandObjection& objection) {
  if (objection.at_stake == 0) return {};
  return fmt::format(" [{} transaction{} at stake]", objection.at_stake,
                     objection.at_stake == 1 ? "" : "s");
}

void print_objections(const CommandResult& result) {
  bool can_all_be_forced = true;
  for (const auto& objection : result.objections) {
    fmt::print(stderr, "  - {}{}\n", objection.text, stakes(objection));
    can_all_be_forced = can_all_be_forced && objection.can_be_forced;
  }
  if (result.outcome == CommandResult::Outcome::refused && !result.objections.empty() &&
      can_all_be_forced) {
    fmt::print(stderr, "  --force overrides this\n");
  }
}

ExitCode report(const CommandResult& result) {
  switch (result.outcome) {
    case CommandResult::Outcome::done:
    case CommandResult::Outcome::would_do:
      fmt::print("{}\n", result.text);
      if (!result.objections.empty()) {
        fmt::print(stderr, "understudy: forced, although\n");
        print_objections(result);
      }
      return ExitCode::ok;
    case CommandResult::Outcome::refused:
      fmt::print(stderr, "understudy: refused: {}\n", result.text);
      print_objections(result);
      return ExitCode::negative;
    case CommandResult::Outcome::failed:
      break;
  }
  fmt::print(stderr, "understudy: {}\n", result.text);
  return ExitCode::environment;
}

ExitCode tell(const NodePath& path, const std::string& target) {
  const auto node = find_node(path);
  const auto result = ControlClient(node.directory.control_socket()).command(target);
  if (!result) {
    throw TransportError(fmt::format("{} does not run (no answer from {}); start it first",
                                     node.identity.node, node.directory.control_socket()));
  }
  return report(*result);
}

}  // namespace

ExitCode run(const PromoteCommand& command) {
  return tell(command.of, fmt::format("/promote?force={}&dry_run={}", command.force ? 1 : 0,
                                      command.dry_run ? 1 : 0));
}

ExitCode run(const SwitchoverCommand& command) {
  if (!is_node_name(command.to)) {
    throw ConfigError(fmt::format("--to {}: not a node's name", command.to));
  }
  return tell(command.of,
              fmt::format("/switchover?to={}&dry_run={}", command.to, command.dry_run ? 1 : 0));
}

ExitCode run(const PauseCommand& command) {
  return tell(command.of, command.pause ? "/pause" : "/resume");
}

ExitCode run(const ReinitCommand& command) {
  if (!command.node.empty() && !is_node_name(command.node)) {
    throw ConfigError(fmt::format("--node {}: not a node's name", command.node));
  }
  return tell(command.of, fmt::format("/reinit?node={}", command.node));
}

ExitCode run(const FenceCommand& command) {
  return tell(command.of, command.fence ? "/fence" : "/unfence");
}

}  // namespace understudy
