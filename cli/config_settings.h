// ConfigSettings: the keys of one table of a configuration file, each checked against the options
// that there are (cli/node_options.h), with the place that its messages name. Pure.
//
// Tables in a table group options with the same first word: `[database.lease] ttl = "10s"` is
// lease-ttl. Few options are the beginning itself; in the group they have a name of their own:
// `endpoints` in [database.lease] is `lease`.
#pragma once

#include "cli/node_options.h"
#include "common/toml/toml_document.h"

#include <map>
#include <string>
#include <vector>

namespace understudy {

struct ConfigProblem {
  TextPlace at;
  std::string text;
  auto operator<=>(const ConfigProblem&) const = default;
};

struct ConfigSetting {
  TextPlace at;
  std::vector<std::string> values;  // as on a command line; empty: a flag, or a default taken back
  bool is_set = true;               // false: `x = false`, "" or [], which take back a default
};

using ConfigSettings = std::map<std::string, ConfigSetting>;  // by key

// All that a table may have: the options of both roles, and what a command line has by position.
class ConfigKeys {
 public:
  ConfigKeys();

  // Of [[database]]; what is wrong goes to `problems`. Relative paths begin at `folder`.
  [[nodiscard]] ConfigSettings read(const TomlNode& table, const std::string& folder,
                                    std::vector<ConfigProblem>& problems) const;
  // Does a node that begins as `role` take it?
  [[nodiscard]] bool fits(const std::string& key, NodeRole role) const;
  [[nodiscard]] const std::map<std::string, DescribedOption>& all() const { return options_; }
  // What the option `group` is called in a table of that name; empty: it has no such name.
  [[nodiscard]] static std::string own_name_in_group(const std::string& group);

 private:
  struct Reading;
  void read_member(const TomlMember& member, const std::string& group, Reading& reading) const;
  [[nodiscard]] std::string key_of(const std::string& group, const std::string& name) const;
  [[nodiscard]] bool is_group(const std::string& key) const;
  [[nodiscard]] std::string unknown(const std::string& group, const std::string& name,
                                    bool is_table) const;

  std::map<std::string, DescribedOption> options_;
  std::map<std::string, std::vector<NodeRole>> roles_;
};

[[nodiscard]] bool is_flag(const DescribedOption& option);
// What an option with a value takes in a file.
struct ConfigValueKind {
  bool number = false, text = false;
};
[[nodiscard]] ConfigValueKind value_kind(const DescribedOption& option);

}  // namespace understudy
