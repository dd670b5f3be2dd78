// walk_log: the parts of a run of records, one after another, out of a node's log.
// Bounded memory: one read of the log at a time. Any thread that owns the LogReader.
#pragma once

#include "common/backend/backend.h"
#include "common/record/record.h"

#include <functional>

namespace understudy {

enum class LogWalk {
  complete,     // every part of records after.seq + 1 … until was visited
  not_covered,  // the log begins later or ends earlier
  damaged,      // a batch or part in it does not decode
  stopped,      // the visitor answered false
};

// Visits the parts of records `after` + 1 … `until`, in order.
LogWalk walk_log(LogReader& log, Seq after, Seq until,
                 const std::function<bool(const RecordPart&)>& visit);

// The position after record `seq`, when that ends in this batch. nullopt: it does not, or the batch
// is damaged.
[[nodiscard]] std::optional<Position> position_in_batch(ByteView blob, Seq seq);

// The newest position in the log whose state has this sum, the state that it starts from included.
std::optional<Position> find_state(LogReader& log, StateSum sum);

}  // namespace understudy
