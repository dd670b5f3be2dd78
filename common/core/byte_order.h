// Fixed-width integers in bytes: big-endian (SQLite's files) and little-endian (ours).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace understudy {

static_assert(std::endian::native == std::endian::little,
              "the wal-index and our own formats are read in place on little-endian machines");

inline std::uint32_t load_be32(const std::byte* at) {
  std::uint32_t value;
  std::memcpy(&value, at, 4);
  return __builtin_bswap32(value);
}

inline std::uint16_t load_be16(const std::byte* at) {
  std::uint16_t value;
  std::memcpy(&value, at, 2);
  return __builtin_bswap16(value);
}

inline void store_be32(std::byte* at, std::uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, 4);
}

template <typename T>
inline T load_le(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <typename T>
inline void store_le(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

}  // namespace understudy
