// A part of a batch: when a log ends (or begins) in the middle of a batch of another log, only the
// records on one side of that point are wanted. It happens after a resync, whose base may be any
// record, and where a history goes over into another. Pure; any thread.
#pragma once

#include "common/record/batch.h"

#include <limits>

namespace understudy {

// A batch of the parts of `batch` from `from` on, as far as record `until`. nullopt: there are
// none, or the payload is not what its header says.
[[nodiscard]] std::optional<Bytes> cut_batch(const BatchView& batch, PartKey from,
                                             Seq until = std::numeric_limits<Seq>::max());

}  // namespace understudy
