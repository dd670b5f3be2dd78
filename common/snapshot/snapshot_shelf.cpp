#include "common/snapshot/snapshot_shelf.h"

#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/file/file.h"
#include "common/file/new_name.h"
#include "common/logging/log.h"
#include "common/snapshot/retention_floor.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace understudy {

namespace fs = std::filesystem;

SnapshotShelf::SnapshotShelf(std::string folder, const StreamId& stream)
    : folder_(std::move(folder)), stream_(stream) {}

void SnapshotShelf::open() {
  if (::mkdir(folder_.c_str(), 0700) == 0) {
    sync_folder_of(folder_);
  } else if (errno != EEXIST) {
    throw IoError("create", folder_, errno);
  }
  std::vector<fs::path> left_over;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().extension() == ".partial") left_over.push_back(entry.path());
  }
  for (const auto& path : left_over) File::remove(path.string());
  items_.clear();
  for (auto& entry : list_snapshots(folder_)) {
    if (entry.header.stream == stream_) items_.push_back({std::move(entry)});
  }
}

void SnapshotShelf::add(SnapshotEntry entry) {
  items_.push_back({std::move(entry)});
  std::ranges::stable_sort(items_, {}, [](const Item& item) {
    const auto& position = item.entry.footer.position;
    return std::pair(position.seq, position.epoch);
  });
}

SnapshotShelf::Place SnapshotShelf::place_of(const SnapshotEntry& entry, const LogBounds& bounds,
                                             const History& history, LogReader& log) {
  const auto& position = entry.footer.position;
  const auto relation = compare(entry.footer.history, history);
  if (position.seq > bounds.last.seq || relation.common < position.seq) return Place::strayed;
  if (position.seq < bounds.base.seq) return Place::behind;
  return log.position_at(position.seq) == position ? Place::connected : Place::strayed;
}

void SnapshotShelf::look(LogReader& log) {
  const auto bounds = log.bounds();
  const auto history = log.history();
  for (auto& item : items_) item.place = place_of(item.entry, bounds, history, log);
}

const SnapshotEntry* SnapshotShelf::newest() const {
  const auto found = std::find_if(items_.rbegin(), items_.rend(),
                                  [](const Item& item) { return item.place != Place::strayed; });
  return found == items_.rend() ? nullptr : &found->entry;
}

const SnapshotEntry* SnapshotShelf::newest_connected() const {
  const auto found = std::find_if(items_.rbegin(), items_.rend(),
                                  [](const Item& item) { return item.place == Place::connected; });
  return found == items_.rend() ? nullptr : &found->entry;
}

Seq SnapshotShelf::floor() const {
  for (const auto& item : items_) {
    if (item.place == Place::connected) return item.entry.footer.first_as_of;
  }
  return kNoSnapshotFloor;
}

const SnapshotEntry* SnapshotShelf::find(const Position& position) const {
  const auto found = std::ranges::find_if(
      items_, [&](const Item& item) { return item.entry.footer.position == position; });
  return found == items_.end() ? nullptr : &found->entry;
}

// A snapshot serves the moments from its own to the next one's. It may go when all of these are
// older than the limits, or when the snapshots together are larger than the size limit.
bool SnapshotShelf::may_go(std::size_t index, const RetentionPolicy& policy, std::int64_t now_us,
                           LogReader& log) const {
  const auto oldest_kept_us = now_us - policy.max_age_us;
  if (items_[index].place == Place::strayed) {
    return items_[index].entry.footer.time_us < oldest_kept_us;
  }
  const auto next =
      std::find_if(items_.begin() + static_cast<std::ptrdiff_t>(index) + 1, items_.end(),
                   [](const Item& item) { return item.place != Place::strayed; });
  if (next == items_.end()) return false;
  std::uint64_t bytes = 0;
  for (const auto& item : items_) bytes += item.entry.bytes;
  return bytes > policy.max_bytes || next->entry.footer.time_us < oldest_kept_us ||
         log.bytes_after(next->entry.footer.first_as_of) >= policy.max_bytes;
}

std::size_t SnapshotShelf::trim(const RetentionPolicy& policy, std::int64_t now_us,
                                LogReader& log) {
  std::size_t removed = 0;
  for (std::size_t index = 0; index < items_.size();) {
    if (!may_go(index, policy, now_us, log)) {
      ++index;
      continue;
    }
    const auto entry = items_[index].entry;
    File::remove(entry.path);
    failure_point("snapshot_removed");
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(index));
    ++removed;
    log::info("snapshot_removed", "retention no longer asks for it",
              {{"file", entry.path}, {"seq", entry.footer.position.seq}});
  }
  return removed;
}

}  // namespace understudy
