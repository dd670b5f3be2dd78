// The options of automatic takeover: the lease, and what is said of a node for choosing among them.
#pragma once

#include "cli/typed.h"

#include <CLI/CLI.hpp>

namespace understudy {

void add_lease_options(CLI::App& command, Typed& typed);

CLI::App* add_cluster(CLI::App& app, Typed& typed);
CLI::App* add_pause(CLI::App& app, Typed& typed, bool is_paused);  // pause, resume
CLI::App* add_reinit(CLI::App& app, Typed& typed);

}  // namespace understudy
