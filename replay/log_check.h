// Proves a log, or a snapshot, whole: every byte under its checksum, every record starting from the
// state that the one before it led to. Reads all of it once; bounded memory (a snapshot: 8 bytes a
// page). Changes nothing.
#pragma once

#include "common/backend/backend.h"
#include "common/snapshot/snapshot.h"

#include <string>
#include <vector>

namespace understudy {

struct LogDamage {
  Seq from = 0;      // records from … (0: not known)
  Seq until = 0;     // … until are not to be had
  std::string what;  // file, row or offset, and what is wrong there
};

struct LogProof {
  Position base;
  Position last;
  std::uint64_t records = 0;  // whole ones that were proved
  std::uint64_t batches = 0;
  std::uint64_t bytes = 0;
  std::vector<LogDamage> damages;  // in order; empty: it is whole
};

// Goes on behind a damage, where it can, so that all of them are found.
[[nodiscard]] LogProof check_log(LogReader& log, const StreamId& stream);

// Pages and records come to the state on record. Throws nothing but IoError.
struct SnapshotCheck {
  bool is_whole = false;
  std::string what;  // what is wrong
};
[[nodiscard]] SnapshotCheck check_snapshot(const std::string& path);

}  // namespace understudy
