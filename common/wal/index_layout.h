// Where things stand in SQLite's wal-index: offsets, and which block holds which frame.
// Source of the facts: https://sqlite.org/walformat.html and SQLite's wal.c. Pure; any thread.
#pragma once

#include "common/wal/wal_format.h"

namespace understudy::wal::layout {

constexpr std::size_t kBlockSize = 32768;
constexpr std::size_t kIndexHeaderSize = 48;  // twice, from offset 0
constexpr std::size_t kBackfillOffset = 96;
constexpr std::size_t kMarksOffset = 100;
constexpr std::size_t kBackfillAttemptedOffset = 128;
constexpr std::size_t kFirstBlockHeaderSize = 136;
constexpr std::size_t kSlotsOffset = 16384;  // in each block: 8192 u16 hash slots

constexpr std::uint32_t kFramesPerBlock = 4096;
constexpr std::uint32_t kFramesInFirstBlock = kFramesPerBlock - kFirstBlockHeaderSize / 4;
constexpr std::uint32_t kSlotsPerBlock = 8192;

constexpr std::uint32_t block_of(FrameNo frame) {
  return (frame + kFramesPerBlock - kFramesInFirstBlock - 1) / kFramesPerBlock;
}

// The frame before the first one of a block.
constexpr FrameNo frames_before(std::uint32_t block) {
  return block == 0 ? 0 : kFramesInFirstBlock + (block - 1) * kFramesPerBlock;
}

// Offset in its block of the page number of the block's frame `index`, counted from 1.
constexpr std::size_t page_offset(std::uint32_t block, std::uint32_t index) {
  return (block == 0 ? kFirstBlockHeaderSize : 0) + std::size_t{index - 1} * 4;
}

constexpr std::uint32_t first_slot(PageNo page) {
  return (page * 383) & (kSlotsPerBlock - 1);
}
constexpr std::uint32_t next_slot(std::uint32_t slot) {
  return (slot + 1) & (kSlotsPerBlock - 1);
}
constexpr std::size_t slot_offset(std::uint32_t slot) {
  return kSlotsOffset + std::size_t{slot} * 2;
}

static_assert(kFramesInFirstBlock == 4062);
static_assert(block_of(4062) == 0 && block_of(4063) == 1);
static_assert(block_of(4062 + 4096) == 1 && block_of(4062 + 4097) == 2);

}  // namespace understudy::wal::layout
