// understudy: hot standbys for SQLite, ready to take over.
#include "cli/commands.h"
#include "common/core/errors.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>

namespace {

using namespace understudy;

// One line: the node's log when it runs as a service, else what a person reads.
ExitCode fail(const Command& command, const std::exception& error, ExitCode code) {
  const bool is_node = std::holds_alternative<PublishCommand>(command) ||
                       std::holds_alternative<SubscribeCommand>(command);
  if (is_node && log::is_enabled(log::Level::error)) {
    log::error("node_failed", error.what(), {{"exit_code", static_cast<int>(code)}});
  } else {
    fmt::print(stderr, "understudy: {}\n", error.what());
  }
  return code;
}

ExitCode run_guarded(const Command& command) {
  try {
    return std::visit([](const auto& chosen) { return run(chosen); }, command);
  } catch (const ConfigError& error) {
    return fail(command, error, ExitCode::usage);
  } catch (const CorruptionError& error) {
    return fail(command, error, ExitCode::corruption);
  } catch (const std::exception& error) {
    return fail(command, error, ExitCode::environment);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that went away shows as an error of write(), not as a death.
  std::signal(SIGPIPE, SIG_IGN);
  const auto line = parse_command_line(argc, argv);
  log::set_up(line.log);
  return static_cast<int>(run_guarded(line.command));
}
