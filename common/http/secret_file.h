// Files that hold a secret: only their owner may read them. Any thread.
#pragma once

#include <string>

namespace understudy::http {

// Throws ConfigError, in words that name the option, when the file cannot be read or others than
// its owner may (group too, unless the file is root's and this process only belongs to the group).
void check_secret_file(const std::string& path, const std::string& option);

// Throws ConfigError, naming `option`, when it is too short to be one.
void check_secret(const std::string& secret, const std::string& option);

// The text in a file of one line, checked as above. Throws ConfigError; also when it is empty.
[[nodiscard]] std::string read_secret_file(const std::string& path, const std::string& option);

// Takes the same time wherever they differ.
[[nodiscard]] bool is_same_secret(const std::string& a, const std::string& b);

}  // namespace understudy::http
