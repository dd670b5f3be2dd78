// NodeOptions: what a node is, whatever role it plays.
#pragma once

#include "common/node/status.h"

#include <string>

namespace understudy {

struct NodeOptions {
  std::string database;
  std::string state_dir;  // empty: StateDirectory::default_path(database)
  std::string name;       // empty: the one on record, or a new one
  NodeRole role = NodeRole::primary;
};

}  // namespace understudy
