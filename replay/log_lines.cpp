#include "replay/log_lines.h"

#include <utility>

namespace understudy {

std::string_view to_string(RecordKind kind) {
  switch (kind) {
    case RecordKind::transaction:
      return "transaction";
    case RecordKind::repair:
      return "repair";
    case RecordKind::epoch:
      return "epoch";
  }
  return "unknown";
}

std::optional<LogLine> LogLines::add(const RecordPart& part) {
  const auto& header = part.header;
  if (header.part == 0) line_ = {};
  line_.changes += part.changes.size();
  for (const auto& change : part.changes) {
    line_.bytes += change.body.size();
    if (owners_ != nullptr) ++line_.owners[owners_->index_of(change.page)];
  }
  if (!header.last) return std::nullopt;
  line_.seq = header.seq;
  line_.epoch = header.epoch;
  line_.kind = header.kind;
  line_.time_us = header.time_us;
  line_.page_count = header.page_count;
  line_.sum = header.sum_after;
  return std::exchange(line_, {});
}

}  // namespace understudy
