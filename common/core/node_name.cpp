#include "common/core/node_name.h"

#include <algorithm>

namespace understudy {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool is_node_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestNodeName &&
         std::all_of(text.begin(), text.end(), is_name_character);
}

}  // namespace understudy
