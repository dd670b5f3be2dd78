#include "common/toml/toml_document.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 1
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

namespace understudy {
namespace {

TextPlace place(const toml::source_position& at) {
  return {at.line, at.column};
}

template <typename T>
std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

TomlNode::Kind kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return TomlNode::Kind::table;
    case toml::node_type::array:
      return TomlNode::Kind::array;
    case toml::node_type::string:
      return TomlNode::Kind::text;
    case toml::node_type::integer:
      return TomlNode::Kind::integer;
    case toml::node_type::floating_point:
      return TomlNode::Kind::real;
    case toml::node_type::boolean:
      return TomlNode::Kind::boolean;
    default:
      return TomlNode::Kind::time;
  }
}

std::string text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* real = node.as_floating_point()) return printed(*real);
  if (const auto* date = node.as_date()) return printed(*date);
  if (const auto* time = node.as_time()) return printed(*time);
  if (const auto* moment = node.as_date_time()) return printed(*moment);
  return {};
}

// Recursion is as deep as the document, which toml++ bounds (TOML_MAX_NESTED_VALUES, 256).
TomlNode converted(const toml::node& node) {
  TomlNode result{kind_of(node), place(node.source().begin), text_of(node), {}, {}};
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table) {
      result.members.push_back(
          {std::string(key.str()), place(key.source().begin), converted(value)});
    }
    std::ranges::stable_sort(result.members, {}, &TomlMember::at);
  }
  if (const auto* array = node.as_array()) {
    for (const auto& item : *array) result.items.push_back(converted(item));
  }
  return result;
}

// How many characters must be put in, taken out, replaced or swapped with their neighbour.
std::size_t edits_between(std::string_view from, std::string_view to) {
  std::vector<std::vector<std::size_t>> cost(from.size() + 1,
                                             std::vector<std::size_t>(to.size() + 1));
  for (std::size_t i = 0; i <= from.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= to.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t differs = from[i - 1] == to[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + differs});
      const bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[from.size()][to.size()];
}

// Case and the choice between '-' and '_' are the first thing to be got wrong.
std::string folded(std::string_view name) {
  std::string result(name);
  for (auto& c : result) {
    if (c == '_') c = '-';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

}  // namespace

const TomlMember* TomlNode::find(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &TomlMember::name);
  return found == members.end() ? nullptr : &*found;
}

std::string_view TomlNode::kind_name() const {
  switch (kind) {
    case Kind::table:
      return "a table";
    case Kind::array:
      return "a list";
    case Kind::text:
      return "a text";
    case Kind::integer:
    case Kind::real:
      return "a number";
    case Kind::boolean:
      return "true or false";
    case Kind::time:
      break;
  }
  return "a date or time";
}

std::variant<TomlNode, TomlError> parse_toml(std::string_view text) {
  const auto result = toml::parse(text);
  if (result) return converted(result.table());
  const auto& error = result.error();
  return TomlError{place(error.source().begin), std::string(error.description())};
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  constexpr std::size_t kLongest = 64;  // the work grows with the square
  if (name.size() > kLongest) return {};
  const auto wanted = folded(name);
  std::string best;
  std::size_t best_edits = std::max<std::size_t>(1, wanted.size() / 3) + 1;
  for (const auto& each : known) {
    const auto edits = edits_between(wanted, folded(each));
    if (edits < best_edits) {
      best = each;
      best_edits = edits;
    }
  }
  if (!best.empty()) return best;
  // A name that was cut short, or got a word too many.
  for (const auto& each : known) {
    const bool holds = wanted.size() >= 4 && each.find(wanted) != std::string::npos;
    if (holds && (best.empty() || each.size() < best.size())) best = each;
  }
  return best;
}

}  // namespace understudy
