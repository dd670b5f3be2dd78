// understudy: hot standbys for SQLite, ready to take over.
#include "cli/commands.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>

namespace {

using namespace understudy;

// One line. What a person got wrong is said plainly; what happens to a node that runs is an event
// of its log, and so is everything when machines read along.
ExitCode fail(const CommandLine& line, const std::exception& error, ExitCode code) {
  const bool is_node = std::holds_alternative<NodeCommand>(line.command) ||
                       std::holds_alternative<RunCommand>(line.command);
  const bool is_plain = code == ExitCode::usage && line.log.format == log::Format::text;
  if (is_node && !is_plain && log::is_enabled(log::Level::error)) {
    log::error("node_failed", error.what(), {{"exit_code", static_cast<int>(code)}});
  } else {
    fmt::print(stderr, "understudy: {}\n", error.what());
  }
  return code;
}

ExitCode run_guarded(const CommandLine& line) {
  try {
    return std::visit([](const auto& chosen) { return run(chosen); }, line.command);
  } catch (const std::exception& error) {
    return fail(line, error, exit_code_of(error));
  }
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that went away shows as an error of write(), not as a death.
  std::signal(SIGPIPE, SIG_IGN);
  const auto line = parse_command_line(argc, argv);
  log::set_up(line.log);
  return static_cast<int>(run_guarded(line));
}
