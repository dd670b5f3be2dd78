// The command lines of what reads a configuration file.
#pragma once

#include "cli/typed.h"

#include <CLI/CLI.hpp>

namespace understudy {

CLI::App* add_run(CLI::App& app, Typed& typed);
CLI::App* add_check_config(CLI::App& app, Typed& typed);

}  // namespace understudy
