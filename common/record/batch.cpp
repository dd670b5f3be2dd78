#include "common/record/batch.h"

#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/core/hash.h"

#include <zstd.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace understudy {
namespace {

// The header, byte by byte; schemas/batch.md is its table.
constexpr std::uint32_t kMagic = 0x42736455;  // "UdsB"
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kFlagClosed = 1;
enum class Codec : std::uint8_t { raw = 0, zstd = 1 };

constexpr std::size_t kAtMagic = 0;
constexpr std::size_t kAtVersion = 4;
constexpr std::size_t kAtCodec = 5;
constexpr std::size_t kAtFlags = 6;
constexpr std::size_t kAtReserved = 7;
constexpr std::size_t kAtStream = 8;
constexpr std::size_t kAtEpoch = 24;
constexpr std::size_t kAtFirstSeq = 32;
constexpr std::size_t kAtLastSeq = 40;
constexpr std::size_t kAtFirstPart = 48;
constexpr std::size_t kAtLastPart = 52;
constexpr std::size_t kAtRecords = 56;
constexpr std::size_t kAtRawBytes = 60;
constexpr std::size_t kAtSumBefore = 64;
constexpr std::size_t kAtSumAfter = 72;
constexpr std::size_t kAtTime = 80;
constexpr std::size_t kAtChecksum = 88;
static_assert(kAtChecksum + 8 == kBatchHeaderSize);

constexpr std::size_t kCompressFrom = 256;  // bytes; below that zstd's own frame eats the gain
// Of what single-row inserts make: 2.5 to 4 % more bytes than level 1, and 40 % (one record) to 67
// % (many) of its time; two thirds of it to unpack.
constexpr int kCompressionLevel = -2;

// Over every byte of the blob but its own eight.
std::uint64_t checksum_of(ByteView blob) {
  return xxh3(blob.subspan(kBatchHeaderSize), xxh3(blob.first(kAtChecksum)));
}

// What must hold between the fields of any header.
bool is_consistent(const BatchHeader& header) {
  if (header.epoch == 0 || header.first.seq == 0 || header.last < header.first) return false;
  if (header.raw_bytes == 0 || header.raw_bytes > kBatchRawLimit) return false;
  if (header.last.seq == std::numeric_limits<Seq>::max()) return false;
  if (header.last.part == std::numeric_limits<std::uint32_t>::max()) return false;
  if (header.records != header.last.seq - header.first.seq + (header.closed ? 1 : 0)) return false;
  return header.records != 0 || header.sum_after == header.sum_before;
}

void store_header(const BatchHeader& header, Codec codec, std::byte* to) {
  store_le(to + kAtMagic, kMagic);
  store_le(to + kAtVersion, kVersion);
  store_le(to + kAtCodec, codec);
  store_le(to + kAtFlags, header.closed ? kFlagClosed : std::uint8_t{0});
  store_le(to + kAtReserved, std::uint8_t{0});
  store_le(to + kAtStream, header.stream.bytes);
  store_le(to + kAtEpoch, header.epoch);
  store_le(to + kAtFirstSeq, header.first.seq);
  store_le(to + kAtLastSeq, header.last.seq);
  store_le(to + kAtFirstPart, header.first.part);
  store_le(to + kAtLastPart, header.last.part);
  store_le(to + kAtRecords, header.records);
  store_le(to + kAtRawBytes, header.raw_bytes);
  store_le(to + kAtSumBefore, header.sum_before);
  store_le(to + kAtSumAfter, header.sum_after);
  store_le(to + kAtTime, header.time_us);
}

BatchHeader load_header(const std::byte* from) {
  BatchHeader header;
  header.stream.bytes = load_le<std::array<std::uint8_t, 16>>(from + kAtStream);
  header.epoch = load_le<Epoch>(from + kAtEpoch);
  header.first = {load_le<Seq>(from + kAtFirstSeq), load_le<std::uint32_t>(from + kAtFirstPart)};
  header.last = {load_le<Seq>(from + kAtLastSeq), load_le<std::uint32_t>(from + kAtLastPart)};
  header.closed = load_le<std::uint8_t>(from + kAtFlags) == kFlagClosed;
  header.records = load_le<std::uint32_t>(from + kAtRecords);
  header.raw_bytes = load_le<std::uint32_t>(from + kAtRawBytes);
  header.sum_before = load_le<StateSum>(from + kAtSumBefore);
  header.sum_after = load_le<StateSum>(from + kAtSumAfter);
  header.time_us = load_le<std::int64_t>(from + kAtTime);
  return header;
}

// One context a thread: making one costs more than compressing a small batch.
ZSTD_CCtx* compression_context() {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                                  &ZSTD_freeCCtx);
  if (context == nullptr) throw std::bad_alloc();
  return context.get();
}

ZSTD_DCtx* decompression_context() {
  thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                                  &ZSTD_freeDCtx);
  if (context == nullptr) throw std::bad_alloc();
  return context.get();
}

// Appends the compressed payload. False, with `out` unchanged: it is not shorter.
bool append_compressed(ByteView raw, Bytes& out) {
  const auto start = out.size();
  out.resize(start + raw.size() - 1);
  const auto size = ZSTD_compressCCtx(compression_context(), out.data() + start, raw.size() - 1,
                                      raw.data(), raw.size(), kCompressionLevel);
  const bool shorter = ZSTD_isError(size) == 0;  // there was no room for it
  out.resize(shorter ? start + size : start);
  return shorter;
}

}  // namespace

PartKey BatchHeader::next() const {
  return closed ? PartKey{last.seq + 1, 0} : PartKey{last.seq, last.part + 1};
}

Bytes encode_batch(BatchHeader header, ByteView raw) {
  US_ASSERT(!raw.empty() && raw.size() <= kBatchRawLimit, "decoders refuse other sizes");
  header.raw_bytes = static_cast<std::uint32_t>(raw.size());
  US_ASSERT(is_consistent(header), "decoders refuse a header that contradicts itself");
  Bytes blob(kBatchHeaderSize);
  auto codec = Codec::zstd;
  if (raw.size() < kCompressFrom || !append_compressed(raw, blob)) {
    codec = Codec::raw;
    blob.insert(blob.end(), raw.begin(), raw.end());
  }
  store_header(header, codec, blob.data());
  store_le(blob.data() + kAtChecksum, checksum_of(blob));
  return blob;
}

std::optional<BatchView> BatchView::parse(ByteView blob) {
  if (blob.size() <= kBatchHeaderSize || blob.size() > kBatchHeaderSize + kBatchRawLimit) {
    return std::nullopt;
  }
  const auto* bytes = blob.data();
  if (load_le<std::uint32_t>(bytes + kAtMagic) != kMagic ||
      load_le<std::uint8_t>(bytes + kAtVersion) != kVersion ||
      load_le<Codec>(bytes + kAtCodec) > Codec::zstd ||
      load_le<std::uint8_t>(bytes + kAtFlags) > kFlagClosed ||
      load_le<std::uint8_t>(bytes + kAtReserved) != 0) {
    return std::nullopt;
  }
  const auto header = load_header(bytes);
  const auto payload = blob.size() - kBatchHeaderSize;
  const bool is_raw = load_le<Codec>(bytes + kAtCodec) == Codec::raw;
  if (is_raw ? payload != header.raw_bytes : payload >= header.raw_bytes) return std::nullopt;
  if (!is_consistent(header)) return std::nullopt;
  if (load_le<std::uint64_t>(bytes + kAtChecksum) != checksum_of(blob)) return std::nullopt;
  return BatchView{header, blob};
}

bool BatchView::unpack(Bytes& raw) const {
  US_ASSERT(header.raw_bytes <= kBatchRawLimit, "parse() lets no larger batch through");
  const auto payload = blob.subspan(kBatchHeaderSize);
  if (load_le<Codec>(blob.data() + kAtCodec) == Codec::raw) {
    raw.assign(payload.begin(), payload.end());
    return true;
  }
  raw.resize(header.raw_bytes);
  return ZSTD_decompressDCtx(decompression_context(), raw.data(), raw.size(), payload.data(),
                             payload.size()) == raw.size();
}

}  // namespace understudy
