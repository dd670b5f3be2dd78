// Small files that are replaced as a whole, and folders: what is durable when these return.
// Any thread. Throws IoError.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace understudy {

// Durable from its return: the name `path` in its folder.
void sync_parent_folder(const std::string& path);
// Writes beside and renames: after a crash the file holds the old or the new text, whole. Durable
// from its return. Mode 0600.
void replace_file(const std::string& path, std::string_view text);
// nullopt: there is no such file. Throws IoError beyond `limit` bytes too.
std::optional<std::string> read_whole_file(const std::string& path, std::size_t limit);

}  // namespace understudy
