// The bytes of the WAL: fixed golden values, and decoders that take any input.
#include "common/wal/wal_format.h"

#include "common/core/byte_order.h"

#include <doctest/doctest.h>

#include <random>

namespace understudy::wal::test {
namespace {

Checksum slow_checksum(Checksum sum, ByteView bytes, bool big_endian) {
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const auto word = [&](std::size_t at) {
      return big_endian ? load_be32(bytes.data() + at) : load_le<std::uint32_t>(bytes.data() + at);
    };
    sum.s1 += word(i) + sum.s2;
    sum.s2 += word(i + 4) + sum.s1;
  }
  return sum;
}

Bytes random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

Header sample_header() {
  Header header{false, 4096, 3, {}, {}};
  for (int i = 0; i < 8; ++i) header.salts.bytes[static_cast<std::size_t>(i)] = std::byte(i + 1);
  return header;
}

}  // namespace

TEST_CASE("the checksum is SQLite's, in both byte orders and for every length") {
  for (std::size_t size = 0; size <= 256; size += 8) {
    const auto bytes = random_bytes(size, static_cast<unsigned>(size));
    for (const bool big_endian : {false, true}) {
      CHECK(advance({1, 2}, bytes, big_endian) == slow_checksum({1, 2}, bytes, big_endian));
    }
  }
}

TEST_CASE("golden bytes of a header, a frame header and a cursor") {
  auto header = sample_header();
  std::array<std::byte, kHeaderSize> bytes{};
  header.encode(bytes);
  CHECK(load_be32(bytes.data()) == 0x377f0682);
  CHECK(load_be32(bytes.data() + 4) == 3007000);
  CHECK(load_be32(bytes.data() + 8) == 4096);
  CHECK(load_be32(bytes.data() + 16) == 0x01020304);
  CHECK(slow_checksum({}, std::span(bytes).first(24), false) == header.checksum);

  Bytes content(512, std::byte{7});
  FrameHeader frame{5, 9, header.salts, {}};
  std::array<std::byte, kFrameHeaderSize> frame_bytes{};
  const auto sum = frame.encode(frame_bytes, header.checksum, content, false);
  CHECK(load_be32(frame_bytes.data()) == 5);
  CHECK(load_be32(frame_bytes.data() + 4) == 9);
  CHECK(load_be32(frame_bytes.data() + 12) == 0x05060708);
  const auto again = FrameHeader::decode(frame_bytes);
  CHECK(again.checksum == sum);
  CHECK(again.page == 5);
  CHECK(frame_offset(3, 512) == 32 + 2 * 536);

  const Cursor cursor{header.salts, 0x01020304, {0x11121314, 0x21222324}};
  const auto encoded = cursor.encode();
  CHECK(encoded[8] == std::byte{0x04});
  CHECK(encoded[19] == std::byte{0x21});
  CHECK(Cursor::decode(encoded) == cursor);
  CHECK(cursor.to_string() == "0102030405060708/16909060/1112131421222324");
}

TEST_CASE("a header that is cut or has one bit flipped is no header") {
  auto header = sample_header();
  for (const bool big_endian : {false, true}) {
    header.big_endian_checksums = big_endian;
    std::array<std::byte, kHeaderSize> bytes{};
    header.encode(bytes);
    REQUIRE(Header::decode(bytes).has_value());
    CHECK(Header::decode(bytes)->big_endian_checksums == big_endian);
    for (std::size_t size = 0; size < kHeaderSize; ++size) {
      CHECK(!Header::decode(std::span(bytes).first(size)));
      if (size < Cursor::kEncodedSize) CHECK(!Cursor::decode(std::span(bytes).first(size)));
    }
    for (std::size_t bit = 0; bit < kHeaderSize * 8; ++bit) {
      bytes[bit / 8] ^= std::byte(1U << (bit % 8));
      CHECK(!Header::decode(bytes));
      bytes[bit / 8] ^= std::byte(1U << (bit % 8));
    }
  }
}

TEST_CASE("impossible page sizes are refused though the checksum fits") {
  for (const std::uint32_t size : {0U, 1U, 256U, 513U, 131072U}) {
    auto header = sample_header();
    header.page_size = size;
    std::array<std::byte, kHeaderSize> bytes{};
    header.encode(bytes);
    CHECK(!Header::decode(bytes));
  }
}

}  // namespace understudy::wal::test
