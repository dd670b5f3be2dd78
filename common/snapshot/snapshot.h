// Snapshot: one whole state of a database in one file, compressed and self-checking
// (schemas/snapshot.md).
//
// A live database is not pinned while it is copied: each block of pages is as of the seq at which
// its owner read it, and the file also holds the batches of records that lead all of them to one
// state (as in a resync, docs/decisions/0008). So to restore: lay out the blocks; then apply each
// record t to those pages whose block is older than t. What results at footer().position is proved
// by its state sum.
//
// Invariants
//  - A file under a snapshot's name is whole: it is written beside, synced, proved, then renamed.
//  - Every byte is under a checksum, and no two frames can be swapped unnoticed.
//  - Memory: one block, one batch, and 8 bytes a page.
#pragma once

#include "common/record/history.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace understudy {

// What is known before the first page is read.
struct SnapshotHeader {
  StreamId stream;
  std::uint32_t page_size = 0;
  std::int64_t begun_us = 0;
  bool operator==(const SnapshotHeader&) const = default;
};

// What the file leads to; written last.
struct SnapshotFooter {
  Position position;             // of the state
  PageNo page_count = 0;         // of the state
  std::int64_t time_us = 0;      // commit time of `position`, or of the copying when it has none
  Seq first_as_of = 0;           // of the oldest block: the records after it are in the file
  std::uint64_t pages = 0;       // in all blocks; may be more than page_count, or fewer
  std::uint64_t page_bytes = 0;  // of the blocks in the file, compressed
  std::uint64_t batches = 0;
  std::uint64_t batch_bytes = 0;
  History history = {};  // up to the position
  bool operator==(const SnapshotFooter&) const = default;
};

// Consecutive pages as of one seq. All frames of pages together cover 1 … footer.pages, each once,
// ascending. Pages beyond these did not exist as of first_as_of: records after it make them, whole.
struct SnapshotPages {
  Seq as_of = 0;
  PageNo first = 0;
  PageNo count = 0;
  // count * page_size. Zeros: the lock-byte page, and what was beyond the end as of as_of (records
  // after it make such a page, whole, or it is beyond the end of the state).
  Bytes contents;
};
// A batch as the backend holds it (schemas/batch.md). In the order of the log, without a gap, from
// first_as_of + 1 or before; the last ends at or beyond the position: records beyond do not count.
// None when first_as_of is the position. The reader has checked them: each parses, is of the
// header's stream, and follows on the one before.
struct SnapshotBatch {
  Bytes blob;
};
struct SnapshotDamage {
  std::uint64_t offset = 0;  // in the file
  std::string what;          // for people
};
struct SnapshotEnd {};
using SnapshotFrame = std::variant<SnapshotPages, SnapshotBatch, SnapshotEnd, SnapshotDamage>;

// Reads one file, in order: all pages (ascending), then all batches. One thread.
class SnapshotReader {
 public:
  virtual ~SnapshotReader() = default;
  [[nodiscard]] virtual const std::string& path() const = 0;
  [[nodiscard]] virtual const SnapshotHeader& header() const = 0;
  [[nodiscard]] virtual const SnapshotFooter& footer() const = 0;
  // The next frame; SnapshotEnd for ever after the last, and after a SnapshotDamage.
  [[nodiscard]] virtual SnapshotFrame next() = 0;
};

// Header and footer are read and checked. Throws IoError; CorruptionError for what is no whole
// snapshot; ConfigError for one of a newer version.
std::unique_ptr<SnapshotReader> open_snapshot(const std::string& path, const std::string& vfs = {});

// A snapshot found in a folder.
struct SnapshotEntry {
  std::string path;
  SnapshotHeader header;
  SnapshotFooter footer;
  std::uint64_t bytes = 0;
};
// The name of a snapshot in any folder that holds some: "<seq, 20 digits>-<epoch>.snapshot".
[[nodiscard]] std::string snapshot_name(const Position& position);
// All whole snapshots of a folder, oldest position first; others are left out, with a warning in
// the log. Empty when there is no such folder.
[[nodiscard]] std::vector<SnapshotEntry> list_snapshots(const std::string& folder);

}  // namespace understudy
