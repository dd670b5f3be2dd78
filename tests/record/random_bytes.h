// Seeded random bytes and pages for the tests of the record room, and bytes from hexadecimal.
#pragma once

#include "common/core/types.h"

#include <algorithm>
#include <random>
#include <string>

namespace understudy::testing {

using Random = std::mt19937_64;

inline std::size_t below(Random& random, std::size_t limit) {
  return static_cast<std::size_t>(random() % limit);
}

inline Bytes random_bytes(Random& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// A page as an update leaves it: up to eight edits, each some bytes overwritten, moved or zeroed.
inline Bytes edited(Random& random, Bytes page) {
  for (auto edits = below(random, 8); edits > 0; --edits) {
    const auto at = below(random, page.size());
    const auto length = 1 + below(random, std::min<std::size_t>(page.size() - at, 200));
    const auto from = below(random, page.size() - length + 1);
    const auto kind = below(random, 3);
    const auto source = kind == 0 ? random_bytes(random, length)
                        : kind == 1
                            ? Bytes(page.begin() + static_cast<std::ptrdiff_t>(from),
                                    page.begin() + static_cast<std::ptrdiff_t>(from + length))
                            : Bytes(length);
    std::copy(source.begin(), source.end(), page.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return page;
}

// "01 ff" and "01ff" alike.
inline Bytes from_hex(std::string_view text) {
  Bytes bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(high * 16 + digit));
      high = -1;
    }
  }
  return bytes;
}

inline std::string to_hex(ByteView bytes) {
  std::string text;
  for (const auto byte : bytes) {
    text += "0123456789abcdef"[static_cast<unsigned>(byte) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace understudy::testing
