// SimulatedDisk: remembers, beside the real files, what a power loss would leave of them.
//
// Each file has a durable image, and what was done to it since its last sync. A cut keeps a seeded
// part of that: writes sector by sector (512 bytes), truncates, creations, deletions, each for
// itself. The rules of the game:
//  - a sync makes the file durable, its existence included (as ext4, xfs and btrfs do);
//  - the first sync of a journal or WAL, and a delete with directory sync, make durable what was
//    created and deleted in the folder;
//  - a failed sync settles at once what of the writes is on disk; a later sync does not bring the
//    rest (the kernel forgets them).
// The caller locks.
#pragma once

#include "common/core/types.h"

#include <map>
#include <random>

namespace understudy::test {

class SimulatedDisk {
 public:
  // A file comes into sight; what it holds already is taken as durable.
  void opened(const std::string& path, bool created);
  void wrote(const std::string& path, std::uint64_t offset, ByteView bytes);
  void truncated(const std::string& path, std::uint64_t size);
  void synced(const std::string& path, bool with_folder);
  void sync_failed(const std::string& path);
  void removed(const std::string& path, bool with_folder);

  [[nodiscard]] std::uint64_t bytes_used() const;
  [[nodiscard]] std::uint64_t size_of(const std::string& path) const;

  // Rewrites the real files as a power loss would leave them. None may be open.
  void cut(std::uint64_t seed);

 private:
  struct Change {
    bool is_truncate = false;
    std::uint64_t at = 0;  // offset, or the new size
    Bytes bytes;
  };
  struct Content {
    Bytes durable;
    std::vector<Change> pending;
  };
  struct Node {
    bool exists = false;
    bool existence_durable = false;
    std::uint64_t size = 0;
    Content content;
    std::optional<Content> removed;  // comes back when the deletion does not reach the disk
  };

  static void apply(Bytes& to, const Change& change);
  Bytes settle(const Content& content);
  std::optional<Bytes> survivor(const Node& node);
  void sync_folder_of(const std::string& path);
  bool chance(double probability);

  std::map<std::string, Node> nodes_;
  std::mt19937_64 random_{1};
};

}  // namespace understudy::test
