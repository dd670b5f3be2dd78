// The options of a node: what `publish` and `subscribe` take, and what a [[database]] of a
// configuration file takes, whose keys are these options' long names. One definition for all.
//
// A node's role changes, so each option counts in whichever role needs it; only what is about the
// very beginning belongs to one command.
#pragma once

#include "cli/described_option.h"
#include "cli/typed.h"

#include <string>
#include <vector>

namespace understudy {

CLI::App* add_publish(CLI::App& app, Typed& typed);
CLI::App* add_subscribe(CLI::App& app, Typed& typed);

// Those of a node that begins as `role`, in the order of the help; not those of the log, which are
// the process's.
[[nodiscard]] std::vector<DescribedOption> node_options(NodeRole role);

// Reads options as they are typed behind `publish` or `subscribe`. Throws UsageError.
[[nodiscard]] NodeCommand read_node_words(NodeRole role, const std::vector<std::string>& options,
                                          const std::string& database);

}  // namespace understudy
