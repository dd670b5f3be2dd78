// The command line of what is copied elsewhere: `understudy archive`, and the same in a node.
#pragma once

#include "cli/typed.h"

#include <CLI/CLI.hpp>

namespace understudy {

CLI::App* add_archive(CLI::App& app, Typed& typed);
// --archive and --archive-keep of a node.
void add_archive_options(CLI::App& command, Typed& typed);

// Throw UsageError.
ArchiveCommand read_archive(const Typed& typed);
std::optional<ArchiveOptions> read_archive_options(const Typed& typed);

}  // namespace understudy
