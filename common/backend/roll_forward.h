// Rolls a table of page hashes forward over the records of a log: each page change carries the
// hash of the page after it, so no page has to be read.
#pragma once

#include "common/backend/backend.h"
#include "common/record/page_hashes.h"

namespace understudy {

// Moves `table`, which stands for the state after `from` (or is partly ahead of it), on to the
// state after `to`. False: the log does not cover (from, to], a part does not decode, the page size
// changed on the way, or the sum at the end is not `sum`; the table is then undefined.
[[nodiscard]] bool roll_forward(PageHashes& table, Seq from, Seq to, StateSum sum, LogReader& log);

}  // namespace understudy
