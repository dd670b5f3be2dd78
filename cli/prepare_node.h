// What must be so before a node is made. Main thread, or the node's own; no other connection of the
// process to the database may be open (POSIX locks).
#pragma once

#include "cli/commands.h"

namespace understudy {

// Checks that the database can be published, or that there may be a standby's in its place; makes
// its path absolute. A refused database leaves no trace. Throws ConfigError, in words for the user.
[[nodiscard]] SupervisorOptions prepare_node(const NodeCommand& command);

}  // namespace understudy
