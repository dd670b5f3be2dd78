#include "common/keys/toml_text.h"

#include "common/core/errors.h"

#include <fmt/format.h>

#include <utility>

namespace understudy {

TomlText::TomlText(std::string_view text, std::string path) : path_(std::move(path)) {
  auto parsed = parse_toml(text);
  if (const auto* error = std::get_if<TomlError>(&parsed)) refuse(error->at, error->text);
  table_ = std::get<TomlNode>(std::move(parsed));
}

void TomlText::refuse(const TextPlace& where, std::string_view what) const {
  throw ConfigError(fmt::format("{}:{}:{}: {}", path_, where.line, where.column, what));
}

void TomlText::refuse(std::string_view what) const {
  throw ConfigError(fmt::format("{}: {}", path_, what));
}

const std::string& TomlText::take_text(const TomlNode& node, std::string_view name) const {
  if (node.kind == TomlNode::Kind::text) return node.text;
  refuse(node.at, fmt::format("{} must be a text in quotes, not {}", name, node.kind_name()));
}

}  // namespace understudy
