// Delta: the byte ranges in which a page differs from its former content.
// Format (schemas/record.md): (skip varint, length varint, length bytes)*, in rising order.
// Pure; any thread.
#pragma once

#include "common/core/types.h"

namespace understudy {

// Appends the delta to `out`. False, with `out` unchanged: it would be as long as the page or
// longer. Both pages have the same size.
[[nodiscard]] bool encode_delta(ByteView before, ByteView after, Bytes& out);

// False: the delta is malformed or reaches beyond the page; the page is then undefined.
[[nodiscard]] bool apply_delta(std::span<std::byte> page, ByteView delta);

}  // namespace understudy
