#include "cli/commands.h"
#include "cli/roles.h"
#include "cli/signal_watch.h"
#include "common/core/errors.h"
#include "common/node/node.h"

#include <fmt/format.h>

#include <filesystem>

namespace understudy {
namespace {

namespace fs = std::filesystem;

void check_folder(const std::string& database) {
  const auto folder = fs::path(database).parent_path();
  if (fs::is_directory(folder)) return;
  throw ConfigError(fmt::format("there is no folder {} for the standby's database; create it first",
                                folder.string()));
}

// A file that no standby of ours made may be somebody's data.
void check_may_overwrite(const SubscribeCommand& command, const std::string& database) {
  if (command.options.adopt || !fs::exists(database)) return;
  if (fs::is_directory(database)) throw ConfigError(fmt::format("{} is a folder", database));
  const StateDirectory directory(command.state_dir.empty() ? StateDirectory::default_path(database)
                                                           : command.state_dir);
  if (load_identity(directory)) return;
  throw ConfigError(fmt::format(
      "{} exists and is no standby on record; name another file, or add --adopt to let its content "
      "be replaced by the primary's",
      database));
}

}  // namespace

ExitCode run(const SubscribeCommand& command) {
  auto options = command.options;
  options.database = fs::absolute(options.database).lexically_normal();
  check_folder(options.database);
  check_may_overwrite(command, options.database);

  Node node({options.database, command.state_dir, command.node, NodeRole::standby});
  const SignalWatch signals([&node](const char* signal) {
    log::info("stopping", "ending cleanly; a second signal ends at once", {{"signal", signal}});
    node.stop();
  });
  if (options.listen && !options.listen->is_loopback()) {
    log::warning("insecure_listen", "anybody who reaches this address can read the database",
                 {{"listen", options.listen->to_string()}});
  }
  options.node = node.name();
  const auto subscriber = make_subscriber(std::move(options), node.directory());
  node.run(*subscriber);
  return ExitCode::ok;
}

}  // namespace understudy
