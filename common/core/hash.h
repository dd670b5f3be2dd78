// XXH3-64, the one hash of the product: pages, batches, files of ours.
#pragma once

#include "common/core/types.h"

namespace understudy {

std::uint64_t xxh3(ByteView bytes, std::uint64_t seed = 0);

}  // namespace understudy
