// Snapshots in a folder: found by what they are named, told by what they hold.
#include "common/core/errors.h"
#include "common/logging/log.h"
#include "common/snapshot/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace understudy {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSuffix = ".snapshot";

bool is_older(const SnapshotEntry& left, const SnapshotEntry& right) {
  const auto& a = left.footer.position;
  const auto& b = right.footer.position;
  return std::tie(a.seq, a.epoch, left.path) < std::tie(b.seq, b.epoch, right.path);
}

std::optional<SnapshotEntry> look_into(const fs::path& path) {
  try {
    const auto reader = open_snapshot(path.string());
    return SnapshotEntry{path.string(), reader->header(), reader->footer(), fs::file_size(path)};
  } catch (const std::exception& error) {
    std::error_code ignored;
    // Removed meanwhile: retention goes on while we look.
    if (fs::exists(path, ignored)) {
      log::warning("snapshot_left_out", error.what(), {{"file", path.string()}});
    }
    return std::nullopt;
  }
}

}  // namespace

std::string snapshot_name(const Position& position) {
  return fmt::format("{:020}-{}{}", position.seq, position.epoch, kSuffix);
}

std::vector<SnapshotEntry> list_snapshots(const std::string& folder) {
  std::vector<SnapshotEntry> found;
  std::error_code error;
  if (!fs::is_directory(folder, error)) return found;
  fs::directory_iterator entries(folder, error);
  if (error) throw IoError("list", folder, error.value());
  for (const auto end = fs::directory_iterator(); entries != end; entries.increment(error)) {
    if (error) throw IoError("list", folder, error.value());
    if (entries->path().extension() != kSuffix) continue;
    if (auto entry = look_into(entries->path())) found.push_back(std::move(*entry));
  }
  std::ranges::sort(found, is_older);
  return found;
}

}  // namespace understudy
