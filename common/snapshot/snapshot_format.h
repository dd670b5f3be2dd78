// The bytes of a snapshot file: header, frame heads, footer, trailer (schemas/snapshot.md).
//
// Invariant: what is decoded fits its checksum, and every length in it is within the limits here.
// Pure; any thread.
#pragma once

#include "common/snapshot/snapshot.h"

#include <array>

namespace understudy::snapshot_format {

constexpr std::size_t kHeaderSize = 48;
constexpr std::size_t kFrameHeadSize = 32;
constexpr std::size_t kTrailerSize = 32;

constexpr std::size_t kBlockBytes = 1024 * 1024;        // of pages in one frame, before compression
constexpr std::size_t kFooterLimit = 16 * 1024 * 1024;  // decoders refuse more

// How many pages a frame of pages holds at most.
[[nodiscard]] constexpr PageNo pages_per_block(std::uint32_t page_size) {
  return static_cast<PageNo>(kBlockBytes / page_size);
}

enum class FrameType : std::uint8_t { pages = 1, batch = 2, footer = 3 };
enum class Codec : std::uint8_t { raw = 0, zstd = 1 };

struct FrameHead {
  FrameType type = FrameType::pages;
  Codec codec = Codec::raw;
  std::uint32_t stored = 0;  // bytes of the payload that follows; encode_head() fills it in
  Seq as_of = 0;             // pages only, as the two below
  PageNo first = 0;
  PageNo count = 0;
  bool operator==(const FrameHead&) const = default;
};

struct Trailer {
  std::uint64_t footer_at = 0;  // where the footer's frame begins
  std::uint64_t frames = 0;     // before the footer's
};

// What the checksums of a file's frames and trailer are seeded with: so a frame of another file
// is none of this one's.
struct EncodedHeader {
  std::array<std::byte, kHeaderSize> bytes;
  std::uint64_t seed = 0;
};
[[nodiscard]] EncodedHeader encode_header(const SnapshotHeader& header);

enum class HeaderVerdict { whole, foreign, newer, damaged };
struct DecodedHeader {
  HeaderVerdict verdict = HeaderVerdict::foreign;
  std::uint32_t version = 0;  // known unless foreign
  SnapshotHeader header;      // of a whole one, as the seed
  std::uint64_t seed = 0;
};
[[nodiscard]] DecodedHeader decode_header(ByteView bytes);

// With the payload's length, and the checksum over both, seeded with `seed` + `index`.
[[nodiscard]] std::array<std::byte, kFrameHeadSize> encode_head(const FrameHead& head,
                                                                ByteView payload,
                                                                std::uint64_t seed,
                                                                std::uint64_t index);
// nullopt: no frame head, or one over the limits.
[[nodiscard]] std::optional<FrameHead> decode_head(ByteView bytes, std::uint32_t page_size);
[[nodiscard]] bool fits(ByteView head, ByteView payload, std::uint64_t seed, std::uint64_t index);

[[nodiscard]] Bytes encode_footer(const SnapshotFooter& footer);
[[nodiscard]] std::optional<SnapshotFooter> decode_footer(ByteView bytes);

[[nodiscard]] std::array<std::byte, kTrailerSize> encode_trailer(const Trailer& trailer,
                                                                 std::uint64_t seed);
[[nodiscard]] std::optional<Trailer> decode_trailer(ByteView bytes, std::uint64_t seed);

}  // namespace understudy::snapshot_format
