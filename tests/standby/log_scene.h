// Batches of a stream of tiny records, each its own batch, that chain on from kBase.
#pragma once

#include "common/record/batch.h"

namespace understudy::test {

constexpr Position kBase{.epoch = 1, .seq = 0, .sum = 5};

[[nodiscard]] StreamId stream_id();
[[nodiscard]] StateSum sum_after(Seq seq);
// Record `seq`, with pages of about so many bytes.
[[nodiscard]] Bytes make_batch(Seq seq, std::size_t bytes);

}  // namespace understudy::test
