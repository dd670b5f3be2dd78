// The command lines of what brings back what was lost, and of what it is brought back from.
#pragma once

#include "cli/typed.h"

#include <CLI/CLI.hpp>

namespace understudy {

CLI::App* add_snapshot(CLI::App& app, Typed& typed);
CLI::App* add_restore(CLI::App& app, Typed& typed);
CLI::App* add_replay(CLI::App& app, Typed& typed);
CLI::App* add_log(CLI::App& app, Typed& typed);

}  // namespace understudy
