// Archive: a folder (another disk, a mounted bucket) with the log of one stream as closed segment
// files, and snapshots (schemas/archive.md). Made by any node of the cluster, one after another.
//
//   understudy-archive.json            version, stream
//   log/<first seq, 20 digits>-<last seq, 20 digits>-<epoch of last>.segment
//   snapshots/<seq>-<epoch>.snapshot
//
// Invariants
//  - A file under its final name is whole and never changed: written beside, synced, renamed.
//  - Only sequential writes, renames and fsyncs: what a mounted bucket can do.
//  - A segment is a run of whole records; its head says from which position to which, with the
//    history up to its end, so each one alone can be judged and joined.
#pragma once

#include "common/backend/backend.h"

#include <memory>
#include <string>
#include <vector>

namespace understudy {

struct SegmentHead {
  StreamId stream;
  Position base;  // before its first record
  Position last;  // after its last
  std::int64_t first_time_us = 0;
  std::int64_t last_time_us = 0;
  std::uint64_t batches = 0;
  std::uint64_t bytes = 0;  // of all batches
  History history;          // up to `last`
};

struct SegmentEntry {
  std::string path;
  SegmentHead head;
};

[[nodiscard]] bool is_archive(const std::string& folder);
// The stream of an archive. ConfigError: no archive, or of a newer version.
[[nodiscard]] StreamId archive_stream(const std::string& folder);
// All segments, by base seq, then epoch. Their heads are read and checked. A damaged one throws
// CorruptionError that names it.
[[nodiscard]] std::vector<SegmentEntry> list_segments(const std::string& folder);
[[nodiscard]] std::string archive_snapshots(const std::string& folder);  // its folder of snapshots

// The records of one segment, as a log. Throws IoError, CorruptionError, ConfigError (newer).
// read() throws CorruptionError with file and offset for damaged bytes.
std::unique_ptr<LogReader> open_segment(const std::string& path);

}  // namespace understudy
