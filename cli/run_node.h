// Runs a node until a signal ends it: `publish` and `subscribe` differ only in what it begins with.
#pragma once

#include "cli/exit_code.h"
#include "takeover/supervisor.h"

#include <string>

namespace understudy {

ExitCode run_node(SupervisorOptions options);

// What `systemctl status` shows of a node: "db1: primary, publishing, position 3/1207/9f…".
std::string line_for_service(const Status& status);

}  // namespace understudy
