// What the program says of its own options to shells and to the build of its manual pages: the
// commands `completion` and `manual`.
#pragma once

#include "cli/commands.h"

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

namespace understudy {

struct SelfDescription {
  CLI::App* completion = nullptr;
  CLI::App* manual = nullptr;
  std::string shell;  // as typed
  std::string part;   // as typed
};

void add_self_description(CLI::App& app, SelfDescription& typed);

// What was asked for; nullopt: neither of the two commands was.
std::optional<SayCommand> read_self_description(const CLI::App& app, const SelfDescription& typed);

}  // namespace understudy
