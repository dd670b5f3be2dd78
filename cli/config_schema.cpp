#include "cli/config_schema.h"

#include "cli/config_settings.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace understudy {
namespace {

using Json = nlohmann::ordered_json;

Json type_of(const DescribedOption& option) {
  if (is_flag(option)) return {{"type", "boolean"}};
  const auto kind = value_kind(option);
  if (kind.number && kind.text) return {{"type", {"string", "integer"}}};
  return {{"type", kind.number ? "integer" : "string"}};
}

void add_default(Json& schema, const DescribedOption& option) {
  const auto& text = option.default_value;
  if (text.empty() || text == "[]") return;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  if (is_number && value_kind(option).number) {
    schema["default"] = number;
  } else {
    schema["default"] = text;
  }
}

Json schema_of(const DescribedOption& option) {
  auto one = type_of(option);
  auto named = option;
  named.name = "--" + option.name;
  if (const auto words = choices_of({"publish", {}, {}, {}}, named); !words.empty()) {
    one["enum"] = words;
  }
  if (option.name == "role") one["enum"] = {"publish", "subscribe"};
  Json schema{{"description", option.text}};
  if (option.takes_several) {
    schema["anyOf"] = {one, {{"type", "array"}, {"items", one}}};
  } else {
    schema.update(one);
  }
  add_default(schema, option);
  return schema;
}

Json object(Json properties) {
  return {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

// The keys themselves, and those with the same first word as a table.
Json table(const ConfigKeys& keys) {
  Json properties = Json::object();
  std::map<std::string, Json> groups;
  for (const auto& [key, option] : keys.all()) {
    properties[key] = schema_of(option);
    if (const auto dash = key.find('-'); dash != std::string::npos) {
      groups[key.substr(0, dash)][key.substr(dash + 1)] = schema_of(option);
    }
  }
  for (auto& [group, members] : groups) {
    const auto own = ConfigKeys::own_name_in_group(group);
    const auto known = keys.all().find(group);
    if (known == keys.all().end()) {
      properties[group] = object(std::move(members));
      continue;
    }
    if (!own.empty()) members[own] = schema_of(known->second);
    properties[group] = {{"description", known->second.text},
                         {"anyOf", {schema_of(known->second), object(std::move(members))}}};
  }
  return properties;
}

Json log_option(const char* name, const char* text, const char* standard) {
  const DescribedOption option{std::string("log-") + name, "WORD", text, standard};
  return schema_of(option);
}

}  // namespace

std::string config_schema() {
  const ConfigKeys keys;
  const auto all = table(keys);
  auto shared = all;
  for (const auto* own : {"path", "state"}) shared.erase(own);
  auto database = object(all);
  database["required"] = {"path"};
  const auto level = log_option("level", "least level of what is logged", "info");
  const auto format = log_option("format", "text for people, json for machines", "text");
  auto top = object({{"log-level", level},
                     {"log-format", format},
                     {"log", object({{"level", level}, {"format", format}})},
                     {"defaults", object(std::move(shared))},
                     {"database",
                      {{"description", "one node each"},
                       {"type", "array"},
                       {"minItems", 1},
                       {"items", database}}}});
  Json schema{
      {"$schema", "http://json-schema.org/draft-07/schema#"},
      {"title", "Configuration of understudy run"},
      {"description",
       "A TOML file. Made by `understudy check-config --schema`, out of the definitions of the "
       "options of publish and subscribe."}};
  schema.update(top);
  schema["required"] = {"database"};
  return schema.dump(2) + "\n";
}

}  // namespace understudy
