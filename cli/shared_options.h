// Options that many commands have.
#pragma once

#include "cli/typed.h"

#include <CLI/CLI.hpp>

namespace understudy {

void add_log_options(CLI::App& command, Typed& typed);
// DB and --state.
void add_node_path(CLI::App& command, Typed& typed);

}  // namespace understudy
