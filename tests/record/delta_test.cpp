// Deltas: applying what was encoded gives the page; foreign deltas never reach beyond the page.
#include "common/record/delta.h"

#include "tests/record/random_bytes.h"

#include <doctest/doctest.h>

using namespace understudy;
using testing::from_hex;
using testing::to_hex;

namespace {

Bytes delta_of(ByteView before, ByteView after) {
  Bytes delta;
  REQUIRE(encode_delta(before, after, delta));
  return delta;
}

// How many ranges a delta without shifts has.
std::size_t ranges_in(Bytes delta) {
  std::size_t ranges = 0;
  for (std::size_t at = 0; at < delta.size(); ++ranges) {
    std::size_t numbers[2] = {0, 0};
    for (auto& number : numbers) {
      for (unsigned shift = 0;; shift += 7) {
        const auto byte = static_cast<unsigned>(delta[at++]);
        number |= std::size_t{byte & 0x7f} << shift;
        if (byte < 0x80) break;
      }
    }
    at += numbers[1];
  }
  return ranges;
}

}  // namespace

TEST_CASE("golden deltas") {
  const Bytes before(512);
  auto after = before;
  CHECK(to_hex(delta_of(before, after)) == "");
  after[0] = std::byte{0xaa};
  CHECK(to_hex(delta_of(before, after)) == "0001aa");
  after[200] = std::byte{0xbb};
  after[201] = std::byte{0xbc};
  CHECK(to_hex(delta_of(before, after)) == "0001aac70102bbbc");
  after[511] = std::byte{0xcc};
  CHECK(to_hex(delta_of(before, after)) == "0001aac70102bbbcb50201cc");
}

TEST_CASE("ranges less than four bytes apart become one") {
  for (std::size_t gap = 0; gap < 16; ++gap) {
    for (std::size_t at = 0; at < 24; ++at) {
      const Bytes before(512);
      auto after = before;
      after[at] = after[at + gap + 1] = std::byte{1};
      CHECK(ranges_in(delta_of(before, after)) == (gap < 4 ? 1 : 2));
    }
  }
}

TEST_CASE("every single-byte and two-byte change comes back") {
  for (std::size_t at = 0; at < 512; ++at) {
    for (std::size_t length = 1; length <= 40 && at + length <= 512; length += 3) {
      const Bytes before(512, std::byte{7});
      auto after = before;
      for (std::size_t i = at; i < at + length; ++i) after[i] = std::byte{9};
      const auto delta = delta_of(before, after);
      auto page = before;
      REQUIRE(apply_delta(page, delta));
      REQUIRE(page == after);
      REQUIRE(ranges_in(delta) == 1);
    }
  }
}

TEST_CASE("random edits of pages of every size come back, and no delta is as long as its page") {
  testing::Random random(20);
  std::size_t encoded = 0;
  for (std::size_t size = 512; size <= 65536; size *= 2) {
    const int rounds = static_cast<int>(2000000 / size);
    for (int round = 0; round < rounds; ++round) {
      const auto before = testing::random_bytes(random, size);
      const auto after = testing::edited(random, before);
      Bytes delta = from_hex("1234");
      if (!encode_delta(before, after, delta)) continue;
      REQUIRE(to_hex(ByteView(delta).first(2)) == "1234");
      REQUIRE(delta.size() - 2 < size);
      auto page = before;
      REQUIRE(apply_delta(page, ByteView(delta).subspan(2)));
      REQUIRE(page == after);
      ++encoded;
    }
  }
  CHECK(encoded > 5000);
}

TEST_CASE("a page that changed throughout has no delta") {
  testing::Random random(21);
  for (const std::size_t size : {512u, 4096u, 65536u}) {
    const auto before = testing::random_bytes(random, size);
    auto after = before;
    for (auto& byte : after) byte ^= std::byte{1};
    Bytes out = from_hex("55");
    CHECK_FALSE(encode_delta(before, after, out));
    CHECK(to_hex(out) == "55");
    for (std::size_t i = 0; i < size; i += 2) after[i] = before[i];  // every other byte
    CHECK_FALSE(encode_delta(before, after, out));
    CHECK(to_hex(out) == "55");
  }
}

namespace {

// A page with 16-bit pointers from byte 8 on, in no order, and what is behind them.
Bytes page_of_pointers(testing::Random& random, std::size_t size, std::size_t count) {
  auto page = testing::random_bytes(random, size);
  for (std::size_t i = 0; i < 2 * count; ++i) page[8 + i] = static_cast<std::byte>(random() % 251);
  return page;
}

}  // namespace

TEST_CASE("golden shifts") {
  Bytes before(64);
  for (std::size_t i = 0; i < 40; ++i) before[i] = static_cast<std::byte>(i + 1);
  auto after = before;
  after.insert(after.begin() + 10, {std::byte{0xaa}, std::byte{0xbb}});
  after.resize(64);
  // 10 unchanged, a shift up by 2 of the 52 bytes from there on, the two new bytes
  CHECK(to_hex(delta_of(before, after)) == "0a00010234aabb");
  // 10 unchanged, 52 bytes from 2 bytes further on come down
  CHECK(to_hex(delta_of(after, before)) == "0a00020234");
}

TEST_CASE("a pointer that comes or goes costs a few bytes, wherever it is") {
  testing::Random random(23);
  for (const std::size_t size : {512u, 4096u, 65536u}) {
    const auto count = size / 8;
    for (std::size_t at = 0; at + 8 < count; at += 1 + count / 50) {
      const auto before = page_of_pointers(random, size, count);
      auto after = before;
      const auto place = static_cast<std::ptrdiff_t>(8 + 2 * at);
      const auto end = static_cast<std::ptrdiff_t>(8 + 2 * count);
      std::copy_backward(after.begin() + place, after.begin() + end - 2, after.begin() + end);
      after[8 + 2 * at] = std::byte{255};
      for (const bool inserts : {true, false}) {
        const auto& from = inserts ? before : after;
        const auto& to = inserts ? after : before;
        const auto delta = delta_of(from, to);
        CHECK(delta.size() < 20);
        auto page = from;
        REQUIRE(apply_delta(page, delta));
        REQUIRE(page == to);
      }
    }
  }
}

TEST_CASE("several shifts and ranges in one page come back") {
  testing::Random random(24);
  for (int round = 0; round < 3000; ++round) {
    const auto before = page_of_pointers(random, 1024, 200);
    auto after = before;
    for (int edit = 0; edit < 1 + static_cast<int>(random() % 4); ++edit) {
      const auto from = static_cast<std::ptrdiff_t>(random() % 1000);
      const auto to = from + static_cast<std::ptrdiff_t>(random() % (1023 - from)) + 1;
      if (random() % 3 == 0) {
        after[from] ^= std::byte{1};
      } else if (random() % 2 == 0) {
        std::copy_backward(after.begin() + from, after.begin() + to - 1, after.begin() + to);
      } else {
        std::copy(after.begin() + from + 1, after.begin() + to, after.begin() + from);
        std::copy(after.begin() + from + 1, after.begin() + to, after.begin() + from);
      }
    }
    Bytes delta;
    if (!encode_delta(before, after, delta)) continue;
    auto page = before;
    REQUIRE(apply_delta(page, delta));
    REQUIRE(page == after);
  }
}

TEST_CASE("malformed deltas are refused") {
  const char* const malformed[] = {
      "00",                // no length
      "80",                // a number that does not end
      "0080",              //
      "0000",              // an empty range
      "0002aa",            // shorter than it says
      "800001aa",          // a number longer than it need be
      "00018000",          //
      "80848000",          // more than three bytes
      "0001aaff0301bb",    // begins at the page's end
      "800401aa",          //
      "ff0302aabb",        // one byte beyond the end
      "ffff7f01aa",        // skip far beyond
      "00ffff7f",          // length far beyond
      "0000010001",        // a shift by nothing
      "0000010200",        // of nothing
      "00000102",          // cut
      "0000010203aa",      // without its bytes
      "0000030203",        // of no known direction
      "00000102ff03aabb",  // up beyond the end
      "00000202ff03",      // down from beyond the end
      "0000028004ff03",    //
      "ff030001010101",    // at the page's end
  };
  Bytes page(512);
  for (const auto* text : malformed) CHECK_MESSAGE(!apply_delta(page, from_hex(text)), text);
  CHECK(apply_delta(page, from_hex("ff0301aa")));  // the last byte of the page
  CHECK(page[511] == std::byte{0xaa});
}

TEST_CASE("a delta cut anywhere or with any bit flipped stays within the page") {
  testing::Random random(22);
  const auto before = testing::random_bytes(random, 512);
  auto after = before;
  for (int i = 0; i < 4; ++i) after = testing::edited(random, after);
  const auto delta = delta_of(before, after);
  REQUIRE(delta.size() > 20);
  int refused = 0;
  const auto apply = [&](ByteView damaged) {
    Bytes guarded(512 + 64, std::byte{0x5c});
    refused += apply_delta(std::span(guarded).subspan(32, 512), damaged) ? 0 : 1;
    for (std::size_t i = 0; i < 32; ++i) {
      REQUIRE(guarded[i] == std::byte{0x5c});
      REQUIRE(guarded[544 + i] == std::byte{0x5c});
    }
  };
  for (std::size_t size = 0; size < delta.size(); ++size) apply(ByteView(delta).first(size));
  auto flipped = delta;
  for (std::size_t bit = 0; bit < delta.size() * 8; ++bit) {
    flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    apply(flipped);
    flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  CHECK(refused > 10);
}
