// Varint: an unsigned number of up to 21 bits in 1 to 3 bytes, seven bits each, the low ones
// first; the top bit of a byte says that another follows. Only the shortest form is valid.
// Used by the deltas (schemas/record.md). Pure; any thread.
#pragma once

#include "common/core/types.h"

namespace understudy {

constexpr std::size_t kVarintLimit = 3;  // bytes; enough for any offset within a page

inline void append_varint(Bytes& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::byte>(value | 0x80));
  out.push_back(static_cast<std::byte>(value));
}

// Takes a varint off the front of `bytes`. False: there is none; `bytes` is then undefined.
[[nodiscard]] inline bool take_varint(ByteView& bytes, std::uint32_t& value) {
  value = 0;
  for (std::size_t i = 0; i < kVarintLimit && i < bytes.size(); ++i) {
    const auto byte = static_cast<std::uint32_t>(bytes[i]);
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes = bytes.subspan(i + 1);
      return byte != 0 || i == 0;
    }
  }
  return false;
}

}  // namespace understudy
