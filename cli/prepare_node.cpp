#include "cli/prepare_node.h"

#include "cli/journal_mode.h"
#include "common/core/errors.h"
#include "common/node/identity.h"

#include <fmt/format.h>

#include <filesystem>

namespace understudy {
namespace {

namespace fs = std::filesystem;

// A primary that another node has replaced needs nothing of its former self.
void check_publishing(const SupervisorOptions& options) {
  const auto& publish = options.publish;
  const bool may_join = !options.peers.empty();
  if (!may_join || fs::exists(publish.database)) {
    prepare_for_publishing(publish.database, publish.enable_wal);
  }
}

void check_folder(const std::string& database) {
  const auto folder = fs::path(database).parent_path();
  if (fs::is_directory(folder)) return;
  throw ConfigError(fmt::format("there is no folder {} for the standby's database; create it first",
                                folder.string()));
}

// A file that no standby of ours made may be somebody's data.
void check_may_overwrite(const SupervisorOptions& options) {
  const auto& database = options.node.database;
  if (options.follow.adopt || !fs::exists(database)) return;
  if (fs::is_directory(database)) throw ConfigError(fmt::format("{} is a folder", database));
  const StateDirectory directory(options.node.state_dir.empty()
                                     ? StateDirectory::default_path(database)
                                     : options.node.state_dir);
  if (load_identity(directory)) return;
  throw ConfigError(fmt::format(
      "{} exists and is no standby on record; name another file, or add --adopt to let its content "
      "be replaced by the primary's",
      database));
}

}  // namespace

SupervisorOptions prepare_node(const NodeCommand& command) {
  auto options = command.options;
  options.node.database = fs::absolute(options.node.database).lexically_normal();
  options.publish.database = options.follow.database = options.node.database;
  if (options.node.role == NodeRole::primary) {
    check_publishing(options);
  } else {
    check_folder(options.node.database);
    check_may_overwrite(options);
  }
  return options;
}

}  // namespace understudy
