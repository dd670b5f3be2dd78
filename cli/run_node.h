// Runs a node until a signal ends it: `publish` and `subscribe` differ only in what it begins with.
#pragma once

#include "cli/exit_code.h"
#include "takeover/supervisor.h"

namespace understudy {

ExitCode run_node(SupervisorOptions options);

}  // namespace understudy
