#include "cli/commands.h"
#include "cli/journal_mode.h"
#include "cli/run_node.h"

#include <filesystem>

namespace understudy {

ExitCode run(const PublishCommand& command) {
  SupervisorOptions options{.node = {.database = {},
                                     .state_dir = command.state_dir,
                                     .name = command.node,
                                     .role = NodeRole::primary},
                            .publish = command.options,
                            .follow = {},
                            .peers = command.cluster.peers,
                            .hooks = command.cluster.hooks};
  auto& publish = options.publish;
  publish.database = std::filesystem::absolute(publish.database).lexically_normal();
  options.node.database = options.follow.database = publish.database;
  // A primary that another node has replaced needs nothing of its former self.
  const bool may_join = !options.peers.empty();
  if (!may_join || std::filesystem::exists(publish.database)) {
    prepare_for_publishing(publish.database, publish.enable_wal);
  }
  options.follow.from = options.peers;
  options.follow.prefer_primary = true;
  options.follow.listen = publish.listen;
  options.follow.insecure = publish.insecure;
  options.follow.retention = publish.retention;
  options.follow.snapshot_every_us = publish.snapshot_every_us;
  return run_node(std::move(options));
}

}  // namespace understudy
