// The rest of a batch: when a log ends (or begins) in the middle of a batch of the server's, only
// the parts behind that point are wanted. It happens after a resync, whose base may be any record.
// Pure; any thread.
#pragma once

#include "common/record/batch.h"

namespace understudy {

// A batch of the parts of `batch` from `from` on. nullopt: there are none, or the payload is not
// what its header says.
[[nodiscard]] std::optional<Bytes> cut_batch(const BatchView& batch, PartKey from);

}  // namespace understudy
