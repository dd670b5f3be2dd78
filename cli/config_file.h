// Config: what a configuration file says (docs/OPERATING.md, schemas/config.schema.json).
//
// A file is whole or refused: all that can be found wrong is told at once, each with its line and
// column. Its keys are the options of `publish` and `subscribe` (cli/node_options.h), read by the
// same code that reads a command line.
#pragma once

#include "cli/config_settings.h"

#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct ConfiguredNode {
  TextPlace at;             // of its [[database]]
  ConfigSettings settings;  // its own, and the defaults that it has
  NodeCommand command;      // with absolute paths, when the file's folder is absolute
};

struct Config {
  std::optional<log::Level> log_level;
  std::optional<log::Format> log_format;
  std::vector<ConfiguredNode> nodes;
};

struct ReadConfig {
  Config config;                        // counts when there are no problems
  std::vector<ConfigProblem> problems;  // in the order of the file
};

// Pure, but for a look at which paths name one file. Relative paths begin at `folder`.
[[nodiscard]] ReadConfig parse_config(std::string_view text, const std::string& folder);
// Throws IoError when the file cannot be read.
[[nodiscard]] ReadConfig read_config(const std::string& file);

// "FILE:LINE:COLUMN: what is wrong"
[[nodiscard]] std::string to_line(const std::string& file, const ConfigProblem& problem);

}  // namespace understudy
