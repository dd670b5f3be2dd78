#include "cli/node_path.h"

#include "common/core/errors.h"

#include <fmt/format.h>

#include <filesystem>

namespace understudy {

FoundNode find_node(const NodePath& path) {
  const StateDirectory directory(std::filesystem::absolute(
      path.state_dir.empty() ? StateDirectory::default_path(path.database) : path.state_dir));
  auto identity = load_identity(directory);
  if (!identity && path.state_dir.empty() && !std::filesystem::exists(path.database)) {
    throw ConfigError(fmt::format("there is no database {}, and no state directory {}",
                                  path.database, directory.path()));
  }
  if (!identity && path.state_dir.empty()) {
    throw ConfigError(fmt::format(
        "{} is not replicated: there is no state directory {}; start with: understudy publish {}, "
        "or name the directory with --state",
        path.database, directory.path(), path.database));
  }
  if (!identity) {
    throw ConfigError(fmt::format("{} is not a state directory: there is no {}", directory.path(),
                                  directory.identity()));
  }
  const auto database = database_path(directory, *identity);
  if (!path.database.empty() && database_from(directory, path.database) != identity->database) {
    throw ConfigError(fmt::format("state directory {} belongs to database {}, not to {}",
                                  directory.path(), database, path.database));
  }
  return {directory, std::move(*identity), database};
}

}  // namespace understudy
