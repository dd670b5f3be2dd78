// LogLines: records as one line each, out of their parts. Pure; bounded whatever a record's size.
#pragma once

#include "common/record/record.h"
#include "replay/page_owners.h"

#include <map>
#include <optional>
#include <string_view>

namespace understudy {

struct LogLine {
  Seq seq = 0;
  Epoch epoch = 0;
  RecordKind kind = RecordKind::transaction;
  std::int64_t time_us = 0;      // when the publisher saw the commit
  std::uint64_t changes = 0;     // of pages; a page may be changed more than once
  std::uint64_t bytes = 0;       // of all changes, as deltas or whole pages
  std::uint32_t page_count = 0;  // of the database after it
  StateSum sum = 0;              // of the state after it
  // Index of a PageOwners' name -> changes of its pages; empty when the tables are not known.
  std::map<std::size_t, std::uint64_t> owners;
};

[[nodiscard]] std::string_view to_string(RecordKind kind);

class LogLines {
 public:
  // `owners`: null, when the tables are not known; else it outlives this.
  explicit LogLines(const PageOwners* owners) : owners_(owners) {}
  // The line of the record that this part ends; nullopt: it goes on.
  std::optional<LogLine> add(const RecordPart& part);

 private:
  const PageOwners* owners_;
  LogLine line_;
};

}  // namespace understudy
