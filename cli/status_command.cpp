#include "cli/commands.h"
#include "cli/status_view.h"
#include "cli/status_watch.h"
#include "cli/stopped_status.h"
#include "common/logging/terminal.h"

#include <unistd.h>

#include <cstdio>

namespace understudy {

ExitCode run(const StatusCommand& command) {
  const auto node = find_node(command.of);
  if (command.watch) return watch_status(node, command.json);
  const auto status = ask_status(node);
  const auto text = command.json ? to_json(status, 2) + "\n"
                                 : render_status(status, Terminal(STDOUT_FILENO).colours());
  std::fputs(text.c_str(), stdout);
  return ExitCode::ok;
}

}  // namespace understudy
