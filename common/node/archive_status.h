// What a node's archive is, in the words of the status.
#pragma once

#include "common/archive/archive_keeper.h"
#include "common/node/status.h"

namespace understudy {

inline void add_archive(const ArchiveView& view, Status& status) {
  const auto& report = view.report;
  ArchiveStatus archive;
  archive.directory = view.directory;
  archive.last_error = view.last_error;
  if (report.is_known) {
    archive.last_seq = report.last.seq;
    archive.behind_transactions = report.behind_records;
    archive.behind_bytes = report.behind_bytes;
    archive.behind_seconds = view.behind_seconds;
  }
  status.archive = std::move(archive);
  if (!view.warning.empty()) status.warnings.push_back(view.warning);
}

}  // namespace understudy
