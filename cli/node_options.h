// The options of a node: what `publish` and `subscribe` take, and what a [[database]] of a
// configuration file takes, whose keys are these options' long names. One definition for all.
//
// A node's role changes, so each option counts in whichever role needs it; only what is about the
// very beginning belongs to one command.
#pragma once

#include "cli/typed.h"

#include <CLI/CLI.hpp>

namespace understudy {

CLI::App* add_publish(CLI::App& app, Typed& typed);
CLI::App* add_subscribe(CLI::App& app, Typed& typed);

}  // namespace understudy
