// Finds the state directory of a node that the user named by its database or its state directory.
#pragma once

#include "cli/commands.h"
#include "common/node/identity.h"

namespace understudy {

struct FoundNode {
  StateDirectory directory;
  NodeIdentity identity;
  std::string database;  // absolute
};

// Throws ConfigError when there is none, or DB and --state do not belong together.
FoundNode find_node(const NodePath& path);

}  // namespace understudy
