#include "cli/commands.h"
#include "cli/run_node.h"
#include "common/core/errors.h"

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
  SupervisorOptions options{.node = {.database = {},
                                     .state_dir = command.state_dir,
                                     .name = command.node,
                                     .role = NodeRole::standby},
                            .publish = {},
                            .follow = command.options,
                            .peers = command.cluster.peers,
                            .hooks = command.cluster.hooks};
  auto& follow = options.follow;
  follow.database = fs::absolute(follow.database).lexically_normal();
  check_folder(follow.database);
  check_may_overwrite(command, follow.database);
  options.node.database = options.publish.database = follow.database;
  follow.prefer_primary = !options.peers.empty();
  if (options.peers.empty()) options.peers = follow.from;
  if (follow.from.empty()) follow.from = options.peers;

  options.publish.listen = follow.listen.value_or(Endpoint{"127.0.0.1", 0});
  options.publish.insecure = follow.insecure;
  options.publish.retention = follow.retention;
  options.publish.snapshot_every_us = follow.snapshot_every_us;
  options.publish.sync = command.sync;
  return run_node(std::move(options));
}

}  // namespace understudy
