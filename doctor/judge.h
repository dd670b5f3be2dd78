// What facts mean, and what to do. Pure.
#pragma once

#include "doctor/facts.h"
#include "doctor/finding.h"

namespace understudy::doctor {

[[nodiscard]] Findings judge(const DatabaseFacts& facts);
[[nodiscard]] Findings judge_wal(const DatabaseFacts& facts);
[[nodiscard]] Findings judge(const DiskFacts& facts);
[[nodiscard]] Findings judge(const NodeFacts& facts);
[[nodiscard]] Findings judge(const FileFacts& facts);
[[nodiscard]] Findings judge(const MachineFacts& facts);
[[nodiscard]] Findings judge(const NetworkFacts& facts);

// The bug of SQLite's WAL reset (docs/decisions/0005-wal-reset-bug.md). 3.40.1 is 3040001.
[[nodiscard]] bool has_wal_reset_bug(int sqlite_version);

}  // namespace understudy::doctor
