// The live view of `status --watch`: redrawn in place on a terminal until q, Ctrl-C or SIGTERM;
// elsewhere a line a second (with `json` an object a line). Main thread.
#pragma once

#include "cli/exit_code.h"
#include "cli/node_path.h"

namespace understudy {

ExitCode watch_status(const FoundNode& node, bool json);

}  // namespace understudy
