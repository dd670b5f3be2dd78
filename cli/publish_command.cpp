#include "cli/commands.h"
#include "cli/journal_mode.h"
#include "cli/roles.h"
#include "cli/signal_watch.h"
#include "common/node/node.h"

#include <filesystem>

namespace understudy {

ExitCode run(const PublishCommand& command) {
  auto options = command.options;
  options.database = std::filesystem::absolute(options.database).lexically_normal();
  prepare_for_publishing(options.database, options.enable_wal);

  Node node({options.database, command.state_dir, command.node, NodeRole::primary});
  const SignalWatch signals([&node](const char* signal) {
    log::info("stopping", "ending cleanly; a second signal ends at once", {{"signal", signal}});
    node.stop();
  });
  if (!options.listen.is_loopback()) {
    log::warning("insecure_listen", "anybody who reaches this address can read the database",
                 {{"listen", options.listen.to_string()}});
  }
  options.node = node.name();
  const auto publisher = make_publisher(std::move(options), node.directory());
  node.run(*publisher);
  return ExitCode::ok;
}

}  // namespace understudy
