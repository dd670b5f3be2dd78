// TomlNode: a TOML document as a tree in the order of the file, with the place of each key and
// value.
//
// Question answered: where in the file is what is wrong? toml++ does the parsing. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace understudy {

// From 1, as editors count them; 0: the place is not known. Columns are characters.
struct TextPlace {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  auto operator<=>(const TextPlace&) const = default;
};

struct TomlMember;

struct TomlNode {
  enum class Kind { table, array, text, integer, real, boolean, time };

  Kind kind = Kind::table;
  TextPlace at;                     // of the value
  std::string text;                 // of a scalar: as one would type it, a text without its quotes
  std::vector<TomlMember> members;  // of a table
  std::vector<TomlNode> items;      // of an array

  // Null: it has no such member, or is no table.
  [[nodiscard]] const TomlMember* find(std::string_view name) const;
  // "a text", "a table" …, for messages.
  [[nodiscard]] std::string_view kind_name() const;
};

struct TomlMember {
  std::string name;
  TextPlace at;  // of the name
  TomlNode value;
};

struct TomlError {
  TextPlace at;
  std::string text;
};

[[nodiscard]] std::variant<TomlNode, TomlError> parse_toml(std::string_view text);

// The name among `known` that somebody who wrote `name` most likely meant; empty: none is near.
[[nodiscard]] std::string nearest_name(std::string_view name,
                                       const std::vector<std::string>& known);

}  // namespace understudy
