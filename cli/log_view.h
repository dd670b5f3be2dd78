// What `understudy log` prints: records as lines of a table, or as JSON, one object a line.
#pragma once

#include "replay/archive_check.h"
#include "replay/log_check.h"
#include "replay/log_lines.h"
#include "replay/log_stats.h"

namespace understudy {

class LogView {
 public:
  // `owners`: null, when the tables are not known; else it outlives this.
  LogView(const PageOwners* owners, bool json) : owners_(owners), json_(json) {}

  void print(const LogLine& line);
  // One record with all its changes, part by part; then its line.
  void print_changes(const RecordPart& part);
  void print(const LogStats& stats) const;

 private:
  [[nodiscard]] std::string tables_of(const LogLine& line) const;

  const PageOwners* owners_;
  bool json_;
  bool has_header_ = false;
};

void print_proof(const std::string& file, const LogProof& proof, bool json);
void print_proof(const std::string& folder, const ArchiveProof& proof, bool json);
void print_snapshot_check(const std::string& file, const std::optional<std::string>& problem,
                          bool json);

}  // namespace understudy
