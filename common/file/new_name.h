// A file that was made beside gets its name: whole, durable, and never in place of another one.
// Any thread. Throws IoError.
#pragma once

#include <string>

namespace understudy {

// Renames `from`, whose bytes are synced, to `to` in the same folder, and syncs the folder.
// False, and nothing changed: there is something of that name already.
[[nodiscard]] bool give_new_name(const std::string& from, const std::string& to);
// Durable from its return: the names in the folder of `path`.
void sync_folder_of(const std::string& path);

}  // namespace understudy
