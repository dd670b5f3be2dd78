// The file with a node's own keys. Its format is in schemas/peer-keys.md.
//
// Invariant: a secret that others can read or replace is never used, and never written.
// Any thread. Throws ConfigError that says what to do, IoError.
#pragma once

#include "common/security/security.h"

#include <string>

namespace understudy {

// Makes it, readable by its owner alone; durable from its return. What is there already is left
// alone (ConfigError).
void write_key_file(const std::string& path, const KeyPair& keys, const std::string& node);
[[nodiscard]] KeyPair read_key_file(const std::string& path);

}  // namespace understudy
