#include "cli/config_file.h"

#include "cli/config_conflicts.h"
#include "common/core/errors.h"
#include "common/node/durable_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

namespace understudy {
namespace {

constexpr std::size_t kFileLimit = 1 << 20;

// The first option that a message names, without its dashes; empty: none.
std::string option_named_in(std::string_view message) {
  const auto begin = message.find("--");
  if (begin == std::string_view::npos) return {};
  const auto name = message.substr(begin + 2);
  return std::string(name.substr(0, name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-")));
}

// Words for a file: an option is called by its key.
std::string without_dashes(std::string_view message) {
  std::string text;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const bool names = message.substr(i, 2) == "--" && i + 2 < message.size() &&
                       message[i + 2] >= 'a' && message[i + 2] <= 'z';
    if (names) {
      ++i;
    } else {
      text += message[i];
    }
  }
  return text;
}

std::vector<std::string> words_of(const ConfigSettings& settings) {
  std::vector<std::string> words;
  for (const auto& [key, setting] : settings) {
    if (!setting.is_set || key == "path" || key == "role") continue;
    if (setting.values.empty()) words.push_back("--" + key);
    for (const auto& value : setting.values) words.push_back(fmt::format("--{}={}", key, value));
  }
  return words;
}

std::optional<NodeRole> parse_role(std::string_view text) {
  if (text == "publish") return NodeRole::primary;
  if (text == "subscribe") return NodeRole::standby;
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(const std::string& folder) : folder_(folder) {}

  void read(const TomlNode& document);
  [[nodiscard]] ReadConfig take();

 private:
  void read_top(const TomlMember& member);
  void read_log(const TomlMember& member, const std::string& name);
  void read_defaults(const TomlMember& member);
  void read_databases(const TomlMember& member);
  void read_database(const TomlNode& table);
  std::optional<NodeRole> read_role(const ConfigSettings& settings, TextPlace at);
  void refuse_misfits(const ConfigSettings& own, NodeRole role);
  [[nodiscard]] ConfigSettings merged(ConfigSettings own, NodeRole role) const;
  void read_command(ConfiguredNode node, NodeRole role);
  void say(TextPlace at, std::string text) { problems_.insert({at, std::move(text)}); }

  const std::string& folder_;
  ConfigKeys keys_;
  ConfigSettings defaults_;
  Config config_;
  std::set<ConfigProblem> problems_;  // one in the defaults is found by each database
};

void Reader::read(const TomlNode& document) {
  // The defaults count wherever they stand.
  if (const auto* defaults = document.find("defaults")) read_defaults(*defaults);
  for (const auto& member : document.members) read_top(member);
  if (document.find("database") == nullptr) {
    say({1, 1}, "no database: write a table [[database]] with its path and its role");
  }
}

void Reader::read_top(const TomlMember& member) {
  if (member.name == "defaults") return;
  if (member.name == "database") return read_databases(member);
  if (member.name == "log" && member.value.kind == TomlNode::Kind::table) {
    for (const auto& inner : member.value.members) read_log(inner, "log-" + inner.name);
    return;
  }
  if (member.name.starts_with("log-")) return read_log(member, member.name);
  if (keys_.all().contains(member.name)) {
    say(member.at, fmt::format("{} belongs to a database: put it below [[database]], or below "
                               "[defaults] for all of them",
                               member.name));
    return;
  }
  const auto near = nearest_name(member.name, {"database", "defaults", "log"});
  say(member.at, near.empty() ? fmt::format("there is no key \"{}\"", member.name)
                              : fmt::format("there is no key \"{}\"; did you mean \"{}\"?",
                                            member.name, near));
}

void Reader::read_log(const TomlMember& member, const std::string& name) {
  if (name != "log-level" && name != "log-format") {
    say(member.at, fmt::format("there is no key \"{}\"; the log has level and format", name));
    return;
  }
  const auto& text = member.value.text;
  if (name == "log-level") {
    config_.log_level = log::parse_level(text);
    if (config_.log_level) return;
    say(member.value.at,
        "the log's level is \"debug\", \"info\", \"warning\", \"error\" or \"off\"");
  } else {
    config_.log_format = log::parse_format(text);
    if (config_.log_format) return;
    say(member.value.at, "the log's format is \"text\" or \"json\"");
  }
}

void Reader::read_defaults(const TomlMember& member) {
  if (member.value.kind != TomlNode::Kind::table) {
    return say(member.at, "defaults is a table: write [defaults]");
  }
  std::vector<ConfigProblem> problems;
  defaults_ = keys_.read(member.value, folder_, problems);
  problems_.insert(problems.begin(), problems.end());
  for (const auto* key : {"path", "state"}) {
    const auto found = defaults_.find(key);
    if (found == defaults_.end()) continue;
    say(found->second.at, fmt::format("{} cannot be shared: put it below [[database]]", key));
    defaults_.erase(found);
  }
}

void Reader::read_databases(const TomlMember& member) {
  const bool are_tables = member.value.kind == TomlNode::Kind::array &&
                          std::ranges::all_of(member.value.items, [](const auto& item) {
                            return item.kind == TomlNode::Kind::table;
                          });
  if (!are_tables || member.value.items.empty()) {
    return say(member.at, "each database is a table: write [[database]], in double brackets");
  }
  for (const auto& table : member.value.items) read_database(table);
}

void Reader::read_database(const TomlNode& table) {
  std::vector<ConfigProblem> problems;
  auto own = keys_.read(table, folder_, problems);
  problems_.insert(problems.begin(), problems.end());
  const auto path = own.find("path");
  if (path == own.end() || !path->second.is_set) {
    say(table.at, "a database without a path: write path = \"/where/it/is.db\"");
  }
  const auto role = read_role(own, table.at);
  if (!role) return;
  refuse_misfits(own, *role);
  if (path == own.end() || !path->second.is_set) return;
  read_command({table.at, merged(std::move(own), *role), {}}, *role);
}

std::optional<NodeRole> Reader::read_role(const ConfigSettings& settings, TextPlace at) {
  auto found = settings.find("role");
  if (found == settings.end()) {
    found = defaults_.find("role");
    if (found == defaults_.end()) {
      say(at, "a database without a role: write role = \"publish\" or \"subscribe\"");
      return std::nullopt;
    }
  }
  const auto role = found->second.is_set ? parse_role(found->second.values.front()) : std::nullopt;
  if (!role) say(found->second.at, "role is \"publish\" or \"subscribe\"");
  return role;
}

void Reader::refuse_misfits(const ConfigSettings& own, NodeRole role) {
  for (const auto& [key, setting] : own) {
    if (keys_.fits(key, role)) continue;
    say(setting.at, fmt::format("{} is for a database with role = \"{}\"", key,
                                role == NodeRole::primary ? "subscribe" : "publish"));
  }
}

ConfigSettings Reader::merged(ConfigSettings own, NodeRole role) const {
  for (const auto& [key, setting] : defaults_) {
    if (keys_.fits(key, role)) own.emplace(key, setting);
  }
  std::erase_if(own, [&](const auto& each) { return !keys_.fits(each.first, role); });
  return own;
}

// What the command line's reader refuses, one thing after another: each is told and left out, until
// the rest is well. What is said then without naming a key of the file may come of the omissions.
void Reader::read_command(ConfiguredNode node, NodeRole role) {
  auto settings = node.settings;
  const auto database = settings.at("path").values.front();
  for (bool is_whole = true;; is_whole = false) {
    try {
      node.command = read_node_words(role, words_of(settings), database);
      if (is_whole) config_.nodes.push_back(std::move(node));
      return;
    } catch (const UsageError& error) {
      const auto found = settings.find(option_named_in(error.what()));
      if (found == settings.end()) {
        if (is_whole) say(node.at, without_dashes(error.what()));
        return;
      }
      say(found->second.at, without_dashes(error.what()));
      settings.erase(found);
    }
  }
}

ReadConfig Reader::take() {
  for (auto& conflict : find_conflicts(config_.nodes)) problems_.insert(std::move(conflict));
  return {std::move(config_), {problems_.begin(), problems_.end()}};
}

// What would keep a node from starting: files that options name and that cannot be read.
void add_missing_files(ReadConfig& read) {
  const ConfigKeys keys;
  std::set<ConfigProblem> problems(read.problems.begin(), read.problems.end());
  for (const auto& node : read.config.nodes) {
    for (const auto& [key, setting] : node.settings) {
      if (key == "path" || keys.all().at(key).value != "FILE") continue;
      for (const auto& value : setting.values) {
        if (value.empty() || ::access(value.c_str(), R_OK) == 0) continue;
        problems.insert({setting.at, fmt::format("{} {}: {}", key, value, std::strerror(errno))});
      }
    }
  }
  read.problems.assign(problems.begin(), problems.end());
}

}  // namespace

ReadConfig parse_config(std::string_view text, const std::string& folder) {
  const auto parsed = parse_toml(text);
  if (const auto* error = std::get_if<TomlError>(&parsed)) return {{}, {{error->at, error->text}}};
  Reader reader(folder);
  reader.read(std::get<TomlNode>(parsed));
  return reader.take();
}

ReadConfig read_config(const std::string& file) {
  const auto text = read_whole_file(file, kFileLimit);
  if (!text) throw ConfigError(fmt::format("there is no configuration file {}", file));
  auto read = parse_config(*text, std::filesystem::absolute(file).parent_path());
  add_missing_files(read);
  return read;
}

std::string to_line(const std::string& file, const ConfigProblem& problem) {
  return fmt::format("{}:{}:{}: {}", file, problem.at.line, problem.at.column, problem.text);
}

}  // namespace understudy
