// join_small: batches that wait together become one, where that is still a small one.
//
// A batch costs the same on its way however little is in it: a row, a compression that has nothing
// to compare with, a message, and all of it again on each standby. Pure; any thread.
#pragma once

#include "publisher/part_queue.h"

#include <vector>

namespace understudy {

// Bytes of parts up to which batches are joined: what comes of them is broadcast in any case.
constexpr std::size_t kJoinLimit = 48 * 1024;

// In their order; whole records of one epoch only. The cursor of what is joined is its last one.
[[nodiscard]] std::vector<PendingBatch> join_small(std::vector<PendingBatch> batches);

}  // namespace understudy
