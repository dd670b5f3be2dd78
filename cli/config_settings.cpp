#include "cli/config_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace understudy {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOwnNames = {
    {{"archive", "directory"}, {"http", "listen"}, {"lease", "endpoints"}, {"sync", "standbys"}}};

bool is_number_name(std::string_view name) {
  return name == "N" || name == "FRAMES" || (!name.empty() && name[0] >= '0' && name[0] <= '9');
}

std::string wanted(const DescribedOption& option) {
  if (is_flag(option)) return "true or false";
  const auto kind = value_kind(option);
  const auto* one = kind.number && kind.text ? "a text or a number"
                    : kind.number            ? "a number"
                                             : "a text";
  return option.takes_several ? fmt::format("{}, or a list of them", one) : one;
}

bool takes(const DescribedOption& option, const TomlNode& value) {
  const auto kind = value_kind(option);
  switch (value.kind) {
    case TomlNode::Kind::boolean:
      return is_flag(option);
    case TomlNode::Kind::text:
      return !is_flag(option) && kind.text;
    case TomlNode::Kind::integer:
      return !is_flag(option) && kind.number;
    case TomlNode::Kind::array:
      return option.takes_several && std::ranges::all_of(value.items, [&](const auto& item) {
               return item.kind != TomlNode::Kind::array && takes(option, item);
             });
    default:
      return false;
  }
}

std::string explain_kind(const std::string& key, const DescribedOption& option,
                         const TomlNode& value) {
  if (value.kind == TomlNode::Kind::real && value_kind(option).number) {
    return fmt::format("{} is a whole number", key);
  }
  return fmt::format("{} is {}, not {}", key, wanted(option), value.kind_name());
}

std::string value_text(const DescribedOption& option, const TomlNode& value,
                       const std::string& folder) {
  if (!takes_path(option) || value.text.empty()) return value.text;
  return (std::filesystem::path(folder) / value.text).lexically_normal();
}

ConfigSetting setting(const DescribedOption& option, const TomlMember& member,
                      const std::string& folder) {
  const auto& value = member.value;
  ConfigSetting result{member.at, {}, true};
  if (value.kind == TomlNode::Kind::boolean) {
    result.is_set = value.text == "true";
  } else if (value.kind == TomlNode::Kind::array) {
    for (const auto& item : value.items) result.values.push_back(value_text(option, item, folder));
    result.is_set = !result.values.empty();
  } else {
    result.values = {value_text(option, value, folder)};
    result.is_set = !value.text.empty();
  }
  return result;
}

}  // namespace

ConfigValueKind value_kind(const DescribedOption& option) {
  ConfigValueKind kind;
  std::string_view names = option.value;
  while (!names.empty()) {
    const auto end = std::min(names.find('|'), names.size());
    const auto name = names.substr(0, end);
    if (is_number_name(name)) {
      kind.number = true;
    } else {
      kind.text = true;
      kind.number |= name == "SIZE";
    }
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return kind;
}

bool is_flag(const DescribedOption& option) {
  return option.value.empty();
}

struct ConfigKeys::Reading {
  ConfigSettings settings;
  const std::string& folder;
  std::vector<ConfigProblem>& problems;
};

ConfigKeys::ConfigKeys() {
  for (const auto role : {NodeRole::primary, NodeRole::standby}) {
    for (auto& option : node_options(role)) {
      option.name.erase(0, 2);  // its dashes
      roles_[option.name].push_back(role);
      options_.emplace(option.name, std::move(option));
    }
  }
  const std::vector<NodeRole> both{NodeRole::primary, NodeRole::standby};
  const DescribedOption path{"path", "FILE", "the database", {}};
  const DescribedOption role{
      "role",
      "ROLE",
      "what the node begins with: publish or subscribe; later its log says what it is",
      {}};
  for (const auto& each : {path, role}) {
    options_.emplace(each.name, each);
    roles_[each.name] = both;
  }
}

std::string ConfigKeys::own_name_in_group(const std::string& group) {
  const auto* found = std::ranges::find(kOwnNames, group, &decltype(kOwnNames)::value_type::first);
  return found == kOwnNames.end() ? std::string{} : std::string(found->second);
}

bool ConfigKeys::fits(const std::string& key, NodeRole role) const {
  const auto found = roles_.find(key);
  return found != roles_.end() && std::ranges::find(found->second, role) != found->second.end();
}

std::string ConfigKeys::key_of(const std::string& group, const std::string& name) const {
  if (group.empty()) return name;
  auto key = group + "-" + name;
  if (!options_.contains(key) && name == own_name_in_group(group)) return group;
  return key;
}

bool ConfigKeys::is_group(const std::string& key) const {
  return key.find('-') == std::string::npos &&
         std::ranges::any_of(options_, [begin = key + "-"](const auto& each) {
           return each.first.starts_with(begin);
         });
}

std::string ConfigKeys::unknown(const std::string& group, const std::string& name,
                                bool is_table) const {
  std::vector<std::string> known;
  for (const auto& [key, option] : options_) {
    if (group.empty()) {
      known.push_back(is_table ? key.substr(0, key.find('-')) : key);
    } else if (key.starts_with(group + "-")) {
      known.push_back(key.substr(group.size() + 1));
    }
  }
  if (const auto own = own_name_in_group(group); options_.contains(group) && !own.empty()) {
    known.push_back(own);
  }
  const auto where = group.empty() ? std::string{} : fmt::format(" in {}", group);
  const auto near = nearest_name(name, known);
  if (near.empty()) return fmt::format("there is no key \"{}\"{}", name, where);
  return fmt::format("there is no key \"{}\"{}; did you mean \"{}\"?", name, where, near);
}

void ConfigKeys::read_member(const TomlMember& member, const std::string& group,
                             Reading& reading) const {
  const auto key = key_of(group, member.name);
  const auto known = options_.find(key);
  if (member.value.kind == TomlNode::Kind::table && is_group(key)) {
    for (const auto& inner : member.value.members) read_member(inner, key, reading);
    return;
  }
  if (known == options_.end()) {
    reading.problems.push_back(
        {member.at, unknown(group, member.name, member.value.kind == TomlNode::Kind::table)});
    return;
  }
  if (!takes(known->second, member.value)) {
    reading.problems.push_back({member.value.at, explain_kind(key, known->second, member.value)});
    return;
  }
  const auto [place, is_new] =
      reading.settings.emplace(key, setting(known->second, member, reading.folder));
  if (!is_new) {
    reading.problems.push_back(
        {member.at, fmt::format("{} is given in line {} already", key, place->second.at.line)});
  }
}

ConfigSettings ConfigKeys::read(const TomlNode& table, const std::string& folder,
                                std::vector<ConfigProblem>& problems) const {
  Reading reading{{}, folder, problems};
  for (const auto& member : table.members) read_member(member, {}, reading);
  return std::move(reading.settings);
}

}  // namespace understudy
