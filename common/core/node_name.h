// What a node may be called.  Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace understudy {

// Up to 64 letters, digits, '.', '_' and '-'; not empty.
[[nodiscard]] bool is_node_name(std::string_view text);
[[nodiscard]] bool is_name_character(char c);
constexpr std::size_t kLongestNodeName = 64;

}  // namespace understudy
