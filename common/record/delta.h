// Delta: what makes a page of its former content, in rising order (schemas/record.md): new bytes
// for a range, or a shift. An entry that goes into a b-tree page, or leaves it, moves the pointers
// to all the cells behind it by two bytes; as new bytes they would be most of a small record. Pure;
// any thread.
#pragma once

#include "common/core/types.h"

namespace understudy {

// Appends the delta to `out`. False, with `out` unchanged: it would be as long as the page or
// longer. Both pages have the same size.
[[nodiscard]] bool encode_delta(ByteView before, ByteView after, Bytes& out);

// False: the delta is malformed or reaches beyond the page; the page is then undefined.
[[nodiscard]] bool apply_delta(std::span<std::byte> page, ByteView delta);

}  // namespace understudy
