#include "common/backend/roll_forward.h"

#include "common/backend/log_walk.h"

namespace understudy {

bool roll_forward(PageHashes& table, Seq from, Seq to, StateSum sum, LogReader& log) {
  const auto walked = walk_log(log, from, to, [&](const RecordPart& part) {
    if (part.header.page_size != table.page_size()) return false;
    for (const auto& change : part.changes) table.set(change.page, change.hash);
    if (part.header.last) table.resize(part.header.page_count);
    return true;
  });
  return walked == LogWalk::complete && table.sum() == sum;
}

}  // namespace understudy
