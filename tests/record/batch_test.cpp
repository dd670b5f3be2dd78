// Batches: golden bytes, round trips; any damage at all is refused, and so is every header that
// contradicts itself, even under a checksum that fits.
#include "common/record/batch.h"

#include "common/core/byte_order.h"
#include "common/core/hash.h"
#include "tests/record/random_bytes.h"
#include "tests/record/schema_example.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <functional>
#include <limits>

using namespace understudy;
using testing::from_hex;
using testing::to_hex;

namespace {

BatchHeader sample_header() {
  BatchHeader header;
  for (std::size_t i = 0; i < 16; ++i) {
    header.stream.bytes[i] = static_cast<std::uint8_t>(0xa0 + i);
  }
  header.epoch = 3;
  header.first = {41, 2};
  header.last = {43, 1};
  header.closed = true;
  header.records = 3;
  header.sum_before = 0x1122334455667788;
  header.sum_after = 0x99aabbccddeeff00;
  header.time_us = 1700000000000000;
  return header;
}

Bytes text_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void seal(Bytes& blob) {
  store_le(blob.data() + 88, xxh3(ByteView(blob).subspan(96), xxh3(ByteView(blob).first(88))));
}

// Whether the sample with `change` made to its bytes, under a checksum that fits, is a batch.
bool is_batch_with(const std::function<void(Bytes&)>& change) {
  auto blob = encode_batch(sample_header(), text_bytes("hello"));
  change(blob);
  seal(blob);
  return BatchView::parse(blob).has_value();
}

template <typename T>
bool is_batch_with(std::size_t at, T value) {
  return is_batch_with([&](Bytes& blob) { store_le(blob.data() + at, value); });
}

}  // namespace

TEST_CASE("golden batch: the example of schemas/batch.md") {
  const auto golden = from_hex(testing::schema_example("batch.md"));
  const auto blob = encode_batch(sample_header(), text_bytes("hello"));
  CHECK(to_hex(blob) == to_hex(golden));
  const auto view = BatchView::parse(golden);
  REQUIRE(view);
  auto expected = sample_header();
  expected.raw_bytes = 5;
  CHECK(view->header == expected);
  Bytes raw;
  REQUIRE(view->unpack(raw));
  CHECK(raw == text_bytes("hello"));
}

TEST_CASE("batches of every size come back; repetitive ones are shorter than their payload") {
  testing::Random random(40);
  Bytes raw_again = from_hex("00112233");
  for (const std::size_t size : {1u, 2u, 100u, 255u, 256u, 257u, 1000u, 65536u, 2097152u}) {
    for (const bool is_noise : {false, true}) {
      const auto raw = is_noise ? testing::random_bytes(random, size) : Bytes(size, std::byte{8});
      const auto blob = encode_batch(sample_header(), raw);
      CHECK(blob.size() <= kBatchHeaderSize + size);
      if (!is_noise && size >= 256) CHECK(blob.size() < kBatchHeaderSize + size / 4);
      const auto view = BatchView::parse(blob);
      REQUIRE(view);
      CHECK(view->header.raw_bytes == size);
      CHECK(view->blob.data() == blob.data());
      REQUIRE(view->unpack(raw_again));
      CHECK(raw_again == raw);
    }
  }
}

TEST_CASE("the part that must come next") {
  BatchHeader header = sample_header();
  CHECK(header.next() == PartKey{44, 0});
  header.closed = false;
  CHECK(header.next() == PartKey{43, 2});
}

TEST_CASE("a batch cut anywhere, or longer by a byte, is refused") {
  for (const auto& raw : {text_bytes("hello"), Bytes(300, std::byte{1})}) {
    auto blob = encode_batch(sample_header(), raw);
    for (std::size_t size = 0; size < blob.size(); ++size) {
      CHECK_FALSE(BatchView::parse(ByteView(blob).first(size)));
    }
    blob.push_back(std::byte{0});
    CHECK_FALSE(BatchView::parse(blob));
  }
}

TEST_CASE("a batch with any bit flipped is refused") {
  for (const auto& raw : {text_bytes("hello"), Bytes(300, std::byte{1})}) {
    auto blob = encode_batch(sample_header(), raw);
    for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
      blob[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      CHECK_FALSE(BatchView::parse(blob));
      blob[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    }
    CHECK(BatchView::parse(blob));
    std::printf("understudy-count: cuts and flips of batches=%zu\n", blob.size() * 9);
  }
}

TEST_CASE("what breaks a rule of the format is refused even under a checksum that fits") {
  CHECK(is_batch_with([](Bytes&) {}));
  CHECK_FALSE(is_batch_with(0, std::uint32_t{0x43736455}));  // magic
  CHECK_FALSE(is_batch_with(4, std::uint8_t{2}));            // a newer version
  CHECK_FALSE(is_batch_with(4, std::uint8_t{0}));            //
  CHECK_FALSE(is_batch_with(5, std::uint8_t{2}));            // an unknown codec
  CHECK_FALSE(is_batch_with(5, std::uint8_t{1}));            // zstd that is not shorter
  CHECK_FALSE(is_batch_with(6, std::uint8_t{2}));            // unknown flags
  CHECK_FALSE(is_batch_with(6, std::uint8_t{0}));            // open, with as many records
  CHECK_FALSE(is_batch_with(7, std::uint8_t{1}));            // reserved
  CHECK_FALSE(is_batch_with(24, std::uint64_t{0}));          // epoch 0
  CHECK_FALSE(is_batch_with(32, std::uint64_t{0}));          // seq 0
  CHECK_FALSE(is_batch_with(32, std::uint64_t{44}));         // ends before it begins
  CHECK_FALSE(is_batch_with(32, std::uint64_t{40}));         // more records than it says
  CHECK_FALSE(is_batch_with(40, std::uint64_t{44}));         //
  CHECK_FALSE(is_batch_with(40, ~std::uint64_t{0}));         // nothing could follow
  CHECK_FALSE(is_batch_with(52, ~std::uint32_t{0}));         //
  CHECK_FALSE(is_batch_with(56, std::uint32_t{2}));          // records
  CHECK_FALSE(is_batch_with(60, std::uint32_t{4}));          // payload
  CHECK_FALSE(is_batch_with(60, std::uint32_t{6}));          //
  CHECK_FALSE(is_batch_with([](Bytes& blob) {                // no payload
    blob.resize(96);
    store_le(blob.data() + 60, std::uint32_t{0});
  }));
  CHECK_FALSE(is_batch_with([](Bytes& blob) {  // parts out of order in one record
    store_le(blob.data() + 32, std::uint64_t{43});
    store_le(blob.data() + 56, std::uint32_t{1});
  }));
  CHECK_FALSE(is_batch_with([](Bytes& blob) {  // no record ends, but the sum moves
    store_le(blob.data() + 6, std::uint8_t{0});
    store_le(blob.data() + 40, std::uint64_t{41});
    store_le(blob.data() + 52, std::uint32_t{9});
    store_le(blob.data() + 56, std::uint32_t{0});
  }));
}

TEST_CASE("an open batch of one record keeps its sum") {
  auto header = sample_header();
  header.last = {41, 9};
  header.closed = false;
  header.records = 0;
  header.sum_after = header.sum_before;
  const auto blob = encode_batch(header, text_bytes("part"));
  const auto view = BatchView::parse(blob);
  REQUIRE(view);
  CHECK_FALSE(view->header.closed);
  CHECK(view->header.next() == PartKey{41, 10});
}

TEST_CASE("a payload that does not decode to what the header says is refused") {
  const auto lies = [](std::uint32_t raw_bytes) {
    auto blob = encode_batch(sample_header(), Bytes(1000, std::byte{1}));
    store_le(blob.data() + 60, raw_bytes);
    seal(blob);
    const auto view = BatchView::parse(blob);
    Bytes raw;
    return view && view->unpack(raw);
  };
  CHECK(lies(1000));
  CHECK_FALSE(lies(999));
  CHECK_FALSE(lies(1001));
  CHECK_FALSE(lies(kBatchRawLimit));
  CHECK_FALSE(lies(kBatchRawLimit + 1));
  CHECK_FALSE(lies(std::numeric_limits<std::uint32_t>::max()));

  auto garbage = encode_batch(sample_header(), Bytes(1000, std::byte{1}));
  garbage[97] ^= std::byte{0xff};
  seal(garbage);
  const auto view = BatchView::parse(garbage);
  REQUIRE(view);
  Bytes raw;
  CHECK_FALSE(view->unpack(raw));
}
