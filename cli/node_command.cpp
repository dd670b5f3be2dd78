#include "cli/commands.h"
#include "cli/node_life.h"
#include "cli/signal_watch.h"
#include "common/logging/log.h"

namespace understudy {

// What it cannot go on with ends the process: whoever started it knows what to do then.
ExitCode run(const NodeCommand& command) {
  NodeLife node(command);
  std::function<void()> reload;
  if (command.options.has_files_to_reload()) reload = [&node] { node.reload_keys(); };
  const SignalWatch signals(
      [&node](const char* signal) {
        log::info("stopping", "ending cleanly; a second signal ends at once", {{"signal", signal}});
        ServiceNotice::say_stopping();
        node.stop();
      },
      std::move(reload));
  const ServiceNotice notice([&node] { return node.service_state(); });
  node.run_once();
  return ExitCode::ok;
}

}  // namespace understudy
