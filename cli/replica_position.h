// Where a database that no node feeds stands in a log. Changes nothing.
#pragma once

#include "cli/node_path.h"
#include "common/logging/progress.h"
#include "replay/log_chain.h"

namespace understudy {

// By what its node's files say of it, else by the sum of all its pages; `node`: nullptr when it is
// no node's. Throws ConfigError: it is no state of the chain.
[[nodiscard]] Position find_replica_position(const std::string& database, const FoundNode* node,
                                             LogChain& chain, Progress& progress);

}  // namespace understudy
