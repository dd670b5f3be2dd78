#include "common/wal/wal_format.h"

#include "common/core/assert.h"
#include "common/core/byte_order.h"

#include <fmt/format.h>

#include <cstring>

namespace understudy::wal {
namespace {

struct LittleEndianWord {
  static std::uint32_t load(const std::byte* at) { return load_le<std::uint32_t>(at); }
};
struct BigEndianWord {
  static std::uint32_t load(const std::byte* at) { return load_be32(at); }
};

// s1 += word + s2; s2 += word + s1; …  Each sum is grouped so that only one addition of it waits
// for the addition before: two cycles for eight bytes instead of four.
template <typename Word>
Checksum run(Checksum sum, const std::byte* at, std::size_t size) {
  auto s1 = sum.s1;
  auto s2 = sum.s2;
  const auto pair = [&](std::size_t offset) {
    s1 = (s1 + Word::load(at + offset)) + s2;
    s2 = (s2 + Word::load(at + offset + 4)) + s1;
  };
  for (; size >= 32; size -= 32, at += 32) {
    pair(0);
    pair(8);
    pair(16);
    pair(24);
  }
  for (; size >= 8; size -= 8, at += 8) pair(0);
  return {s1, s2};
}

bool is_page_size(std::uint32_t size) {
  return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

constexpr std::size_t kFrameSummedBytes = 8;  // of the frame header: page and size after commit

}  // namespace

Checksum advance(Checksum from, ByteView bytes, bool big_endian_words) {
  US_ASSERT(bytes.size() % 8 == 0, "SQLite sums pairs of 32-bit words");
  return big_endian_words ? run<BigEndianWord>(from, bytes.data(), bytes.size())
                          : run<LittleEndianWord>(from, bytes.data(), bytes.size());
}

std::array<std::byte, Cursor::kEncodedSize> Cursor::encode() const {
  std::array<std::byte, kEncodedSize> out{};
  std::memcpy(out.data(), salts.bytes.data(), 8);
  store_le(out.data() + 8, frame);
  store_le(out.data() + 12, checksum.s1);
  store_le(out.data() + 16, checksum.s2);
  return out;
}

std::optional<Cursor> Cursor::decode(ByteView bytes) {
  if (bytes.size() != kEncodedSize) return std::nullopt;
  Cursor cursor;
  std::memcpy(cursor.salts.bytes.data(), bytes.data(), 8);
  cursor.frame = load_le<std::uint32_t>(bytes.data() + 8);
  cursor.checksum = {load_le<std::uint32_t>(bytes.data() + 12),
                     load_le<std::uint32_t>(bytes.data() + 16)};
  return cursor;
}

std::string Cursor::to_string() const {
  return fmt::format("{:08x}{:08x}/{}/{:08x}{:08x}", load_be32(salts.bytes.data()),
                     load_be32(salts.bytes.data() + 4), frame, checksum.s1, checksum.s2);
}

void Header::encode(std::span<std::byte, kHeaderSize> out) {
  store_be32(out.data(), kMagic | (big_endian_checksums ? 1U : 0U));
  store_be32(out.data() + 4, kFormatVersion);
  store_be32(out.data() + 8, page_size);
  store_be32(out.data() + 12, checkpoint_number);
  std::memcpy(out.data() + 16, salts.bytes.data(), 8);
  checksum = advance({}, out.first(24), big_endian_checksums);
  store_be32(out.data() + 24, checksum.s1);
  store_be32(out.data() + 28, checksum.s2);
}

std::optional<Header> Header::decode(ByteView bytes) {
  if (bytes.size() < kHeaderSize) return std::nullopt;
  const auto* at = bytes.data();
  const std::uint32_t magic = load_be32(at);
  if ((magic & ~1U) != kMagic || load_be32(at + 4) != kFormatVersion) return std::nullopt;
  Header header;
  header.big_endian_checksums = (magic & 1U) != 0;
  header.page_size = load_be32(at + 8);
  header.checkpoint_number = load_be32(at + 12);
  std::memcpy(header.salts.bytes.data(), at + 16, 8);
  header.checksum = advance({}, bytes.first(24), header.big_endian_checksums);
  const Checksum stored{load_be32(at + 24), load_be32(at + 28)};
  if (!is_page_size(header.page_size) || header.checksum != stored) return std::nullopt;
  return header;
}

FrameHeader FrameHeader::decode(std::span<const std::byte, kFrameHeaderSize> bytes) {
  const auto* at = bytes.data();
  FrameHeader header;
  header.page = load_be32(at);
  header.page_count_after = load_be32(at + 4);
  std::memcpy(header.salts.bytes.data(), at + 8, 8);
  header.checksum = {load_be32(at + 16), load_be32(at + 20)};
  return header;
}

Checksum FrameHeader::encode(std::span<std::byte, kFrameHeaderSize> out, Checksum before,
                             ByteView content, bool big_endian_words) {
  store_be32(out.data(), page);
  store_be32(out.data() + 4, page_count_after);
  std::memcpy(out.data() + 8, salts.bytes.data(), 8);
  checksum = frame_checksum(before, out, content, big_endian_words);
  store_be32(out.data() + 16, checksum.s1);
  store_be32(out.data() + 20, checksum.s2);
  return checksum;
}

Checksum frame_checksum(Checksum before, std::span<const std::byte, kFrameHeaderSize> header,
                        ByteView content, bool big_endian_words) {
  const auto sum = advance(before, header.first<kFrameSummedBytes>(), big_endian_words);
  return advance(sum, content, big_endian_words);
}

}  // namespace understudy::wal
