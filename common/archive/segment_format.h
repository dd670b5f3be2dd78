// The bytes of a segment file: header, frame heads, footer, tail (schemas/segment.md).
//
// Invariant: what is decoded fits its checksum, and every length in it is within the limits here.
// Pure; any thread.
#pragma once

#include "common/archive/segment.h"

#include <array>

namespace understudy::segment_format {

constexpr std::size_t kHeaderSize = 56;
constexpr std::size_t kFrameHeadSize = 16;
constexpr std::size_t kTailSize = 16;
constexpr std::size_t kFooterLimit = 16 * 1024 * 1024;  // decoders refuse more
constexpr std::size_t kFrameLimit = kBatchHeaderSize + kBatchRawLimit;

// What all other checksums of a file are seeded with: so a frame of another file is none of this.
struct EncodedHeader {
  std::array<std::byte, kHeaderSize> bytes;
  std::uint64_t seed = 0;
};
[[nodiscard]] EncodedHeader encode_header(const SegmentHeader& header);

enum class HeaderVerdict { whole, foreign, newer, damaged };
struct DecodedHeader {
  HeaderVerdict verdict = HeaderVerdict::foreign;
  std::uint32_t version = 0;  // known unless foreign
  SegmentHeader header;       // of a whole one, as the seed
  std::uint64_t seed = 0;
};
[[nodiscard]] DecodedHeader decode_header(ByteView bytes);

// The head of frame `index` (from 0) around a batch.
[[nodiscard]] std::array<std::byte, kFrameHeadSize> encode_head(ByteView batch, std::uint64_t seed,
                                                                std::uint64_t index);
// Length of the batch behind a head; nullopt: no head, or one over the limits.
[[nodiscard]] std::optional<std::size_t> decode_head(ByteView head);
[[nodiscard]] bool fits(ByteView head, ByteView batch, std::uint64_t seed, std::uint64_t index);

// The footer, and the tail behind it.
[[nodiscard]] Bytes encode_end(const SegmentFooter& footer, std::uint64_t seed);
// Length of the footer before a tail; nullopt: no tail.
[[nodiscard]] std::optional<std::size_t> decode_tail(ByteView tail);
[[nodiscard]] std::optional<SegmentFooter> decode_end(ByteView footer_and_tail,
                                                      const SegmentHeader& header,
                                                      std::uint64_t seed);

}  // namespace understudy::segment_format
