// What the orphans made of the database: summaries of the records, and the last content of each
// page that they changed, in tables record and page (schemas/orphans.sql).
// Memory: a few dozen bytes a changed page, never the contents.
#pragma once

#include "common/backend/backend.h"
#include "common/record/record.h"
#include "common/sqlite/connection.h"

#include <functional>
#include <map>
#include <set>

namespace understudy {

[[nodiscard]] const char* to_text(RecordKind kind);

// Runs over the parts of records in order; tells what each record was when it ends.
struct RecordSummary {
  Seq seq = 0;
  Epoch epoch = 0;
  RecordKind kind = RecordKind::transaction;
  std::int64_t time_us = 0;
  std::uint64_t bytes = 0;    // of its changes
  std::vector<PageNo> pages;  // that it changed, ascending
};

class RecordSummer {
 public:
  // The summary, when this part ends its record; valid until the next call.
  const RecordSummary* add(const RecordPart& part);

 private:
  RecordSummary summary_;
};

class OrphanPages {
 public:
  // Tables of `connection` are filled with what records (after, until] of the log did. Throws
  // CorruptionError when the log does not hold them whole.
  OrphanPages(Connection& connection, LogReader& log, Seq after, Seq until);

  // Reads all records, fills table record.
  void add_records();
  // Fills table page: contents by `read_page` where they fit the hash on record, else built from
  // the records. May be empty.
  void add_contents(const std::function<bool(PageNo, std::span<std::byte>)>& read_page);

  [[nodiscard]] std::uint32_t page_size() const { return page_size_; }
  [[nodiscard]] PageNo page_count() const { return page_count_; }

 private:
  struct LastChange {
    Seq seq = 0;
    PageHash hash = 0;
  };
  void walk(const std::function<void(const RecordPart&)>& visit);
  void build_from_records(const std::set<PageNo>& missing);

  Connection& connection_;
  LogReader& log_;
  Seq after_;
  Seq until_;
  std::uint32_t page_size_ = 0;
  PageNo page_count_ = 0;
  std::map<PageNo, LastChange> changed_;
};

}  // namespace understudy
