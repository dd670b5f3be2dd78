// Completion scripts for shells, out of the described commands. Pure.
#pragma once

#include "cli/described_option.h"

namespace understudy {

std::string bash_completion(const std::vector<DescribedCommand>& commands);
std::string zsh_completion(const std::vector<DescribedCommand>& commands);
std::string fish_completion(const std::vector<DescribedCommand>& commands);

}  // namespace understudy
