// Texts made safe for a log line: no line breaks or terminal escapes get through, and JSON stays
// JSON whatever bytes a peer's name holds. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace understudy::log {

// Control bytes become \n, \t or \xNN; all else stays.
std::string escape_control(std::string_view text);
// In double quotes when it is empty or holds blanks, quotes or '='.
std::string quote_if_needed(std::string_view text);
// A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_text(std::string_view text);
// A JSON number; null for NaN and infinities.
std::string json_number(double value);

}  // namespace understudy::log
