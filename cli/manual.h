// The parts of the manual pages that repeat what the program knows of itself, as roff: all commands
// with their options, and all keys of a configuration file. The prose around them is in
// deploy/man/. Pure.
#pragma once

#include "cli/described_option.h"

namespace understudy {

// For understudy(1): each command with its options, and its examples.
std::string manual_of_commands(const std::vector<DescribedCommand>& commands);

// For understudy.toml(5): the options of publish and subscribe as keys.
std::string manual_of_keys(const std::vector<DescribedCommand>& commands);

}  // namespace understudy
