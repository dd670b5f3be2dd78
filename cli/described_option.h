// The program's own commands and options, taken from where they are defined, for what repeats them
// elsewhere: completions for shells and manual pages (cli/completion.cpp, cli/manual.cpp). So an
// option that is added is in all of them.
//
// Pure; CLI::App is read only.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

struct DescribedOption {
  std::string name;           // "--listen"; of a positional "DB"
  std::string value;          // what it takes: "ENDPOINT"; empty: a flag
  std::string text;           // what --help says
  std::string default_value;  // empty: none
  bool is_positional = false;
  bool is_required = false;
  bool takes_several = false;
  bool operator==(const DescribedOption&) const = default;
};

struct DescribedCommand {
  std::string name;
  std::string text;
  std::string footer;  // examples, and what a newcomer asks next
  std::vector<DescribedOption> options;
};

// Those that --help lists, in its order.
std::vector<DescribedCommand> describe_commands(const CLI::App& app);
std::vector<DescribedOption> describe_options(const CLI::App& command);

// What an option or a positional takes, where that is one of a few words; empty: anything.
std::vector<std::string_view> choices_of(const DescribedCommand& command,
                                         const DescribedOption& option);

// It takes a path, so a shell completes files.
bool takes_path(const DescribedOption& option);

}  // namespace understudy
