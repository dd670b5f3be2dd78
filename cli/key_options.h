// Keys on the command line: the options of a node, and the command that makes them.
#pragma once

#include "cli/typed.h"

#include <CLI/CLI.hpp>

namespace understudy {

void add_key_options(CLI::App& command, Typed& typed);
CLI::App* add_keygen(CLI::App& app, Typed& typed);

KeyFiles read_key_files(const Typed& typed);
KeygenCommand read_keygen(const Typed& typed);

}  // namespace understudy
