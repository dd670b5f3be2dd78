// Proves a log, or a snapshot, whole: every byte under its checksum, every record starting from the
// state that the one before it led to. Reads all of it once; bounded memory (a snapshot: 8 bytes a
// page). Changes nothing.
#pragma once

#include "common/backend/backend.h"

#include <functional>
#include <string>
#include <vector>

namespace understudy {

struct LogDamage {
  Seq from = 0;      // records from …
  Seq until = 0;     // … until are not to be had, or (one alone) not what they say
  std::string what;  // row, and what is wrong there
};

struct LogProof {
  Position base;
  Position last;
  std::uint64_t records = 0;  // whole ones that were proved
  std::uint64_t batches = 0;
  std::uint64_t bytes = 0;
  std::vector<LogDamage> damages;  // in order, the first kDamagesNamed; empty: it is whole
  bool is_complete = true;         // not: is_cancelled() answered true
};
constexpr std::size_t kDamagesNamed = 1000;

// Goes on behind a damage, where it can, so that all of them are found. Throws CorruptionError when
// not even what the log spans can be told; IoError. `progress`: the record that was reached.
[[nodiscard]] LogProof check_log(LogReader& log, const StreamId& stream,
                                 const std::function<void(Seq)>& progress,
                                 const std::function<bool()>& is_cancelled);

// Every frame is there, and pages and records come to the state on record. nullopt: it is whole;
// else what is wrong. Throws IoError; ConfigError for one of a newer version.
[[nodiscard]] std::optional<std::string> check_snapshot(const std::string& path);

}  // namespace understudy
