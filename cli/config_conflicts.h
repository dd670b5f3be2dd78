// What several databases of one file cannot have in common.
#pragma once

#include "cli/config_file.h"

namespace understudy {

// The same database or state directory twice, and ports that two of them would listen on (a node
// listens on the one named and the next), and one name for two nodes of a cluster. Looks at the
// files to tell when two paths name one.
[[nodiscard]] std::vector<ConfigProblem> find_conflicts(const std::vector<ConfiguredNode>& nodes);

}  // namespace understudy
