// Proves an archive whole: each segment by itself, the records of each branch one from another, and
// that nothing is missing between the first and the last. Reads all of it once; changes nothing.
#pragma once

#include "common/archive/archive_folder.h"
#include "replay/log_check.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct SegmentProblem {
  std::string file;
  LogDamage damage;
};

struct ArchiveProof {
  std::uint64_t segments = 0;
  std::vector<SegmentProblem> problems;  // files that are damaged, and the records that they cost
  std::vector<LogProof> runs;            // unbroken runs of whole segments, in order
  std::vector<LogDamage> gaps;           // records that no segment has
  std::vector<std::string> branches;     // records that no later primary has, for people
  std::optional<std::string> fork;       // two branches, and nothing tells which one counts
  bool is_complete = true;               // not: is_cancelled() answered true

  [[nodiscard]] bool is_whole() const;
};

// Throws IoError; ConfigError: of two different streams, or of a newer version.
[[nodiscard]] ArchiveProof check_archive(const ArchiveFolder& folder,
                                         const std::function<void(std::uint64_t bytes)>& progress,
                                         const std::function<bool()>& is_cancelled);

}  // namespace understudy
