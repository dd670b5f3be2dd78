// Pages like those of the workload, for the micro benchmarks: a leaf page before and after a row
// was inserted into it.
#pragma once

#include "common/core/types.h"

#include <cstring>
#include <random>

namespace understudy::bench {

constexpr std::size_t kPageSize = 4096;

inline Bytes random_page(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes page(kPageSize);
  for (std::size_t at = 0; at < kPageSize; at += 8) {
    const std::uint64_t word = random();
    std::memcpy(page.data() + at, &word, 8);
  }
  return page;
}

// Changes what SQLite changes: the page header, a pointer array that moves up by two bytes from
// the middle on, and a new cell.
inline Bytes after_insert(Bytes page, std::uint64_t cell_seed = 99) {
  constexpr std::size_t kCellBytes = 120;
  constexpr std::size_t kPointers = 8;
  constexpr std::size_t kMiddle = 150;
  constexpr std::size_t kEnd = 300;
  for (std::size_t at = 3; at < kPointers; ++at) {
    page[at] ^= std::byte{1};
  }
  std::memmove(page.data() + kMiddle + 2, page.data() + kMiddle, kEnd - kMiddle);
  const Bytes cell = random_page(cell_seed);
  std::memcpy(page.data() + 1000, cell.data(), kCellBytes);
  return page;
}

}  // namespace understudy::bench
