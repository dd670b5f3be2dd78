#include "common/snapshot/snapshot_format.h"

#include "common/core/byte_fields.h"
#include "common/core/hash.h"
#include "common/record/batch.h"
#include "common/record/history_fields.h"
#include "common/record/page_hash.h"

#include <algorithm>

namespace understudy::snapshot_format {
namespace {

constexpr std::uint32_t kMagic = 0x53736455;         // "UdsS"
constexpr std::uint32_t kTrailerMagic = 0x45736455;  // "UdsE"
constexpr std::uint32_t kVersion = 1;

constexpr std::size_t kAtVersion = 4;
constexpr std::size_t kAtStream = 8;
constexpr std::size_t kAtPageSize = 24;
constexpr std::size_t kAtReserved = 28;
constexpr std::size_t kAtBegun = 32;
constexpr std::size_t kAtHeaderChecksum = 40;

constexpr std::size_t kAtType = 0;
constexpr std::size_t kAtCodec = 1;
constexpr std::size_t kAtFrameReserved = 2;
constexpr std::size_t kAtStored = 4;
constexpr std::size_t kAtAsOf = 8;
constexpr std::size_t kAtFirst = 16;
constexpr std::size_t kAtCount = 20;
constexpr std::size_t kAtFrameChecksum = 24;

constexpr std::size_t kAtTrailerReserved = 4;
constexpr std::size_t kAtFooter = 8;
constexpr std::size_t kAtFrames = 16;
constexpr std::size_t kAtTrailerChecksum = 24;

std::uint64_t frame_checksum(ByteView head, ByteView payload, std::uint64_t seed,
                             std::uint64_t index) {
  return xxh3(payload, xxh3(head.first(kAtFrameChecksum), seed + index));
}

bool is_consistent(const SnapshotFooter& footer) {
  const auto& position = footer.position;
  return position.epoch != 0 && footer.first_as_of <= position.seq && footer.page_count != 0 &&
         is_sound(footer.history) && up_to(footer.history, position) == footer.history;
}

bool is_within_limits(const FrameHead& head, std::uint32_t page_size) {
  switch (head.type) {
    case FrameType::pages: {
      if (head.first == 0 || head.count == 0 || head.count > pages_per_block(page_size)) {
        return false;
      }
      const auto raw = std::uint64_t{head.count} * page_size;
      return head.codec == Codec::raw ? head.stored == raw : head.stored < raw;
    }
    case FrameType::batch:
      return head.codec == Codec::raw && head.stored <= kBatchHeaderSize + kBatchRawLimit &&
             head.as_of == 0 && head.first == 0 && head.count == 0;
    case FrameType::footer:
      return head.codec == Codec::raw && head.stored <= kFooterLimit && head.as_of == 0 &&
             head.first == 0 && head.count == 0;
  }
  return false;
}

}  // namespace

EncodedHeader encode_header(const SnapshotHeader& header) {
  EncodedHeader encoded{};
  auto* const bytes = encoded.bytes.data();
  store_le(bytes, kMagic);
  store_le(bytes + kAtVersion, kVersion);
  store_le(bytes + kAtStream, header.stream.bytes);
  store_le(bytes + kAtPageSize, header.page_size);
  store_le(bytes + kAtBegun, header.begun_us);
  encoded.seed = xxh3(ByteView(encoded.bytes).first(kAtHeaderChecksum));
  store_le(bytes + kAtHeaderChecksum, encoded.seed);
  return encoded;
}

DecodedHeader decode_header(ByteView bytes) {
  DecodedHeader decoded;
  if (bytes.size() < kAtStream || load_le<std::uint32_t>(bytes.data()) != kMagic) return decoded;
  decoded.version = load_le<std::uint32_t>(bytes.data() + kAtVersion);
  decoded.verdict = HeaderVerdict::damaged;
  if (bytes.size() < kHeaderSize) return decoded;
  decoded.seed = load_le<std::uint64_t>(bytes.data() + kAtHeaderChecksum);
  if (decoded.version > kVersion) {
    // A later version may lay out the rest as it likes, but not be a flipped bit of this one.
    auto as_ours = Bytes(bytes.begin(), bytes.begin() + kHeaderSize);
    store_le(as_ours.data() + kAtVersion, kVersion);
    const bool is_ours = xxh3(ByteView(as_ours).first(kAtHeaderChecksum)) == decoded.seed;
    if (!is_ours) decoded.verdict = HeaderVerdict::newer;
    return decoded;
  }
  auto& header = decoded.header;
  header.stream.bytes = load_le<std::array<std::uint8_t, 16>>(bytes.data() + kAtStream);
  header.page_size = load_le<std::uint32_t>(bytes.data() + kAtPageSize);
  header.begun_us = load_le<std::int64_t>(bytes.data() + kAtBegun);
  const bool is_whole = decoded.version == kVersion && is_page_size(header.page_size) &&
                        load_le<std::uint32_t>(bytes.data() + kAtReserved) == 0 &&
                        decoded.seed == xxh3(bytes.first(kAtHeaderChecksum));
  if (is_whole) decoded.verdict = HeaderVerdict::whole;
  return decoded;
}

std::array<std::byte, kFrameHeadSize> encode_head(const FrameHead& head, ByteView payload,
                                                  std::uint64_t seed, std::uint64_t index) {
  std::array<std::byte, kFrameHeadSize> bytes{};
  auto* const to = bytes.data();
  store_le(to + kAtType, head.type);
  store_le(to + kAtCodec, head.codec);
  store_le(to + kAtStored, static_cast<std::uint32_t>(payload.size()));
  store_le(to + kAtAsOf, head.as_of);
  store_le(to + kAtFirst, head.first);
  store_le(to + kAtCount, head.count);
  store_le(to + kAtFrameChecksum, frame_checksum(bytes, payload, seed, index));
  return bytes;
}

std::optional<FrameHead> decode_head(ByteView bytes, std::uint32_t page_size) {
  if (bytes.size() < kFrameHeadSize) return std::nullopt;
  const auto* const from = bytes.data();
  FrameHead head;
  head.type = load_le<FrameType>(from + kAtType);
  head.codec = load_le<Codec>(from + kAtCodec);
  head.stored = load_le<std::uint32_t>(from + kAtStored);
  head.as_of = load_le<Seq>(from + kAtAsOf);
  head.first = load_le<PageNo>(from + kAtFirst);
  head.count = load_le<PageNo>(from + kAtCount);
  if (load_le<std::uint16_t>(from + kAtFrameReserved) != 0 || head.codec > Codec::zstd ||
      !is_within_limits(head, page_size)) {
    return std::nullopt;
  }
  return head;
}

bool fits(ByteView head, ByteView payload, std::uint64_t seed, std::uint64_t index) {
  return load_le<std::uint64_t>(head.data() + kAtFrameChecksum) ==
         frame_checksum(head, payload, seed, index);
}

Bytes encode_footer(const SnapshotFooter& footer) {
  FieldWriter out;
  out.put(footer.position.epoch).put(footer.position.seq).put(footer.position.sum);
  out.put(footer.time_us).put(footer.first_as_of);
  out.put(footer.pages).put(footer.page_bytes).put(footer.batches).put(footer.batch_bytes);
  out.put(footer.page_count);
  put_history(out, footer.history);
  return out.take();
}

std::optional<SnapshotFooter> decode_footer(ByteView bytes) {
  FieldReader in(bytes);
  SnapshotFooter footer;
  footer.position.epoch = in.get<Epoch>();
  footer.position.seq = in.get<Seq>();
  footer.position.sum = in.get<StateSum>();
  footer.time_us = in.get<std::int64_t>();
  footer.first_as_of = in.get<Seq>();
  footer.pages = in.get<std::uint64_t>();
  footer.page_bytes = in.get<std::uint64_t>();
  footer.batches = in.get<std::uint64_t>();
  footer.batch_bytes = in.get<std::uint64_t>();
  footer.page_count = in.get<PageNo>();
  footer.history = get_history(in);
  if (!in.is_whole() || !in.is_at_end() || !is_consistent(footer)) return std::nullopt;
  return footer;
}

std::array<std::byte, kTrailerSize> encode_trailer(const Trailer& trailer, std::uint64_t seed) {
  std::array<std::byte, kTrailerSize> bytes{};
  store_le(bytes.data(), kTrailerMagic);
  store_le(bytes.data() + kAtFooter, trailer.footer_at);
  store_le(bytes.data() + kAtFrames, trailer.frames);
  store_le(bytes.data() + kAtTrailerChecksum,
           xxh3(ByteView(bytes).first(kAtTrailerChecksum), seed));
  return bytes;
}

std::optional<Trailer> decode_trailer(ByteView bytes, std::uint64_t seed) {
  if (bytes.size() != kTrailerSize || load_le<std::uint32_t>(bytes.data()) != kTrailerMagic ||
      load_le<std::uint32_t>(bytes.data() + kAtTrailerReserved) != 0 ||
      load_le<std::uint64_t>(bytes.data() + kAtTrailerChecksum) !=
          xxh3(bytes.first(kAtTrailerChecksum), seed)) {
    return std::nullopt;
  }
  return Trailer{load_le<std::uint64_t>(bytes.data() + kAtFooter),
                 load_le<std::uint64_t>(bytes.data() + kAtFrames)};
}

}  // namespace understudy::snapshot_format
