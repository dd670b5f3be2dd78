// Whether a database can be attached to, as far as the file system can tell before SQLite opens
// anything. Opens no file: closing a descriptor of a database would drop the process's locks on it.
#pragma once

#include <string>

namespace understudy::wal {

// Throws ConfigError, in words for the user: missing, not a file, no permission, read-only file
// system or folder, network file system.
void check_file_system(const std::string& path);

// The name of a network file system by its statfs magic; nullptr for a local one. Shared memory
// is not shared between the machines there.
const char* network_file_system(unsigned long magic);

}  // namespace understudy::wal
