// open_epoch: puts on record that this node leads from now on.
#pragma once

#include "common/backend/backend.h"

namespace understudy {

// Appends the epoch record, with `cursor` (empty: the one there stays); durable from its return.
// The epoch is the next one of the log, or `at_least` where a higher one was seen elsewhere.
// page_size and page_count are those of the database as it is. What of `reason` cannot be printed
// is replaced, what is too long is cut. Requires a log without an open tail.
EpochStart open_epoch(Backend& backend, const std::string& node, std::string_view reason,
                      ByteView cursor, std::uint32_t page_size, std::uint32_t page_count,
                      Epoch at_least = 0);

}  // namespace understudy
