#include "common/archive/segment_format.h"

#include "common/core/byte_fields.h"
#include "common/core/hash.h"
#include "common/record/history_fields.h"

namespace understudy::segment_format {
namespace {

constexpr std::uint32_t kMagic = 0x47736455;      // "UdsG"
constexpr std::uint32_t kTailMagic = 0x48736455;  // "UdsH"
constexpr std::uint32_t kVersion = 1;

constexpr std::size_t kAtVersion = 4;
constexpr std::size_t kAtStream = 8;
constexpr std::size_t kAtEpoch = 24;
constexpr std::size_t kAtSeq = 32;
constexpr std::size_t kAtSum = 40;
constexpr std::size_t kAtHeaderChecksum = 48;

constexpr std::size_t kAtFrameReserved = 4;
constexpr std::size_t kAtFrameChecksum = 8;

constexpr std::size_t kAtTailMagic = 4;
constexpr std::size_t kAtTailChecksum = 8;

std::uint64_t frame_checksum(ByteView head, ByteView batch, std::uint64_t seed,
                             std::uint64_t index) {
  return xxh3(batch, xxh3(head.first(kAtFrameChecksum), seed + index));
}

std::uint64_t end_checksum(ByteView footer, ByteView tail, std::uint64_t seed) {
  return xxh3(footer, xxh3(tail.first(kAtTailChecksum), seed));
}

bool is_consistent(const SegmentFooter& footer, const SegmentHeader& header) {
  return footer.last.epoch >= header.base.epoch && header.base.epoch != 0 &&
         footer.last.seq > header.base.seq && footer.batches != 0 && is_sound(footer.history) &&
         up_to(footer.history, footer.last) == footer.history;
}

}  // namespace

EncodedHeader encode_header(const SegmentHeader& header) {
  EncodedHeader encoded{};
  auto* const bytes = encoded.bytes.data();
  store_le(bytes, kMagic);
  store_le(bytes + kAtVersion, kVersion);
  store_le(bytes + kAtStream, header.stream.bytes);
  store_le(bytes + kAtEpoch, header.base.epoch);
  store_le(bytes + kAtSeq, header.base.seq);
  store_le(bytes + kAtSum, header.base.sum);
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
  const auto* const from = bytes.data();
  decoded.seed = load_le<std::uint64_t>(from + kAtHeaderChecksum);
  auto& header = decoded.header;
  header.stream.bytes = load_le<std::array<std::uint8_t, 16>>(from + kAtStream);
  header.base = {load_le<Epoch>(from + kAtEpoch), load_le<Seq>(from + kAtSeq),
                 load_le<StateSum>(from + kAtSum)};
  // As if it were of our version: a later one may lay out the rest as it likes, but it must not be
  // a flipped bit of ours.
  const bool is_ours = encode_header(header).seed == decoded.seed;
  if (decoded.version == kVersion && is_ours) decoded.verdict = HeaderVerdict::whole;
  if (decoded.version > kVersion && !is_ours) decoded.verdict = HeaderVerdict::newer;
  return decoded;
}

std::array<std::byte, kFrameHeadSize> encode_head(ByteView batch, std::uint64_t seed,
                                                  std::uint64_t index) {
  std::array<std::byte, kFrameHeadSize> head{};
  store_le(head.data(), static_cast<std::uint32_t>(batch.size()));
  store_le(head.data() + kAtFrameChecksum, frame_checksum(head, batch, seed, index));
  return head;
}

std::optional<std::size_t> decode_head(ByteView head) {
  if (head.size() != kFrameHeadSize) return std::nullopt;
  const std::size_t size = load_le<std::uint32_t>(head.data());
  const bool is_head = size > kBatchHeaderSize && size <= kFrameLimit &&
                       load_le<std::uint32_t>(head.data() + kAtFrameReserved) == 0;
  return is_head ? std::optional(size) : std::nullopt;
}

bool fits(ByteView head, ByteView batch, std::uint64_t seed, std::uint64_t index) {
  return load_le<std::uint64_t>(head.data() + kAtFrameChecksum) ==
         frame_checksum(head, batch, seed, index);
}

Bytes encode_end(const SegmentFooter& footer, std::uint64_t seed) {
  FieldWriter out;
  out.put(footer.last.epoch).put(footer.last.seq).put(footer.last.sum);
  out.put(footer.first_time_us).put(footer.last_time_us);
  out.put(footer.batches).put(footer.batch_bytes);
  put_history(out, footer.history);
  auto bytes = out.take();
  const auto size = bytes.size();
  std::array<std::byte, kTailSize> tail{};
  store_le(tail.data(), static_cast<std::uint32_t>(size));
  store_le(tail.data() + kAtTailMagic, kTailMagic);
  store_le(tail.data() + kAtTailChecksum, end_checksum(bytes, tail, seed));
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  return bytes;
}

std::optional<std::size_t> decode_tail(ByteView tail) {
  if (tail.size() != kTailSize) return std::nullopt;
  const std::size_t size = load_le<std::uint32_t>(tail.data());
  const bool is_tail =
      size <= kFooterLimit && load_le<std::uint32_t>(tail.data() + kAtTailMagic) == kTailMagic;
  return is_tail ? std::optional(size) : std::nullopt;
}

std::optional<SegmentFooter> decode_end(ByteView footer_and_tail, const SegmentHeader& header,
                                        std::uint64_t seed) {
  if (footer_and_tail.size() < kTailSize) return std::nullopt;
  const auto bytes = footer_and_tail.first(footer_and_tail.size() - kTailSize);
  const auto tail = footer_and_tail.last(kTailSize);
  if (decode_tail(tail) != bytes.size() ||
      load_le<std::uint64_t>(tail.data() + kAtTailChecksum) != end_checksum(bytes, tail, seed)) {
    return std::nullopt;
  }
  FieldReader in(bytes);
  SegmentFooter footer;
  footer.last.epoch = in.get<Epoch>();
  footer.last.seq = in.get<Seq>();
  footer.last.sum = in.get<StateSum>();
  footer.first_time_us = in.get<std::int64_t>();
  footer.last_time_us = in.get<std::int64_t>();
  footer.batches = in.get<std::uint64_t>();
  footer.batch_bytes = in.get<std::uint64_t>();
  footer.history = get_history(in);
  const bool is_whole = in.is_whole() && in.is_at_end() && is_consistent(footer, header);
  return is_whole ? std::optional(footer) : std::nullopt;
}

}  // namespace understudy::segment_format
