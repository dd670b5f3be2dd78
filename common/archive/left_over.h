// Unfinished files in a folder that many nodes write to: whose each is, and whether its writer
// lives. "<node>.<pid>.<16 hex digits of the process>.<number>.partial". Any thread.
#pragma once

#include <string>

namespace understudy {

// A new one for each call.
[[nodiscard]] std::string partial_name(const std::string& node);
// Removes what earlier processes of this node have left. Throws IoError.
void remove_left_over(const std::string& folder, const std::string& node);

}  // namespace understudy
