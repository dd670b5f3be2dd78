// Reading a small file that only its owner, or nobody but its owner, may touch. Private to the
// room.
#pragma once

#include <sys/types.h>

#include <string>

namespace understudy {

// All of it. Refuses (ConfigError) what is no plain file, belongs to somebody else than this user
// or root, has a permission of `forbidden`, or is larger than a MiB. `remedy`: what to do about the
// permissions, a command before the path.
[[nodiscard]] std::string read_owned_file(const std::string& path, mode_t forbidden,
                                          const char* what_is_wrong, const char* remedy);

}  // namespace understudy
