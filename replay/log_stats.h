// LogStats: what a run of records changed, summed up by hour and by table. Pure.
#pragma once

#include "common/record/record.h"
#include "replay/page_owners.h"

#include <map>
#include <vector>

namespace understudy {

struct LogSum {
  std::uint64_t records = 0;
  std::uint64_t changes = 0;  // of pages
  std::uint64_t bytes = 0;    // of changes
};

class LogStats {
 public:
  // `owners`: null, when the tables are not known; else it outlives this.
  explicit LogStats(const PageOwners* owners);
  void add(const RecordPart& part);

  [[nodiscard]] const LogSum& total() const { return total_; }
  // Start of the hour (Unix time in seconds) -> sum of the records that were committed in it.
  [[nodiscard]] const std::map<std::int64_t, LogSum>& by_hour() const { return hours_; }
  struct TableSum {
    std::string name;
    LogSum sum;  // records: those that changed a page of it
  };
  // Those with most bytes first; empty when the tables are not known.
  [[nodiscard]] std::vector<TableSum> by_table() const;

 private:
  const PageOwners* owners_;
  LogSum total_;
  LogSum record_;  // the one under way
  std::map<std::int64_t, LogSum> hours_;
  std::vector<LogSum> tables_;
  std::vector<Seq> last_seq_;  // for each table, the record that was counted last
};

}  // namespace understudy
