// Parts: golden bytes, round trips, and what decoders must refuse.
#include "common/record/record.h"

#include "common/record/page_hash.h"
#include "tests/record/random_bytes.h"
#include "tests/record/schema_example.h"

#include <doctest/doctest.h>

#include <limits>

using namespace understudy;
using testing::from_hex;
using testing::to_hex;

namespace {

PartHeader sample_header() {
  PartHeader header;
  header.epoch = 1;
  header.seq = 42;
  header.last = true;
  header.page_size = 512;
  header.time_us = 1700000000000000;
  header.sum_before = 0x1122334455667788;
  header.page_count = 3;
  header.sum_after = 0x99aabbccddeeff00;
  return header;
}

// The example of schemas/record.md, in a spacing of its own so that one field can be replaced.
constexpr const char* kGolden =
    "9c 01 00 01 2a 00 c3 cd0200 cf00060a24181e4000 cf1122334455667788 03 cf99aabbccddeeff00"
    "91 94 02 cf0102030405060708 01 c403 0001aa";

Bytes encode(const PartHeader& header, const std::vector<PageChange>& changes) {
  PartBuilder builder;
  for (const auto& change : changes) builder.add(change);
  Bytes out;
  builder.finish(header, out);
  return out;
}

// The second example: node "b" opens epoch 2 with record 43.
constexpr const char* kGoldenEpoch =
    "9d 01 02 02 2b 00 c3 cd0200 cf00060a24181e4000 cf1122334455667788 03 cf1122334455667788"
    "90 93 a162 cf0102030405060708 a770726f6d6f7465";

PartHeader epoch_header() {
  auto header = sample_header();
  header.kind = RecordKind::epoch;
  header.epoch = 2;
  header.seq = 43;
  header.sum_after = header.sum_before;
  return header;
}

const EpochOpening kOpening{"b", 0x0102030405060708, "promote"};

Bytes sample_part() {
  const auto delta = from_hex("0001aa");
  return encode(sample_header(), {{2, 0x0102030405060708, PageEncoding::delta, delta}});
}

bool is_refused(const Bytes& bytes) {
  ByteView view = bytes;
  RecordPart part;
  return !decode_part(view, part);
}

// The golden part with the one occurrence of `from` replaced.
bool is_refused_with(std::string_view from, std::string_view to, const char* golden = kGolden) {
  std::string text = golden;
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return is_refused(from_hex(text.replace(at, from.size(), to)));
}

PartHeader random_header(testing::Random& random) {
  const auto wide = [&] { return random() >> testing::below(random, 64); };
  PartHeader header;
  header.kind = static_cast<RecordKind>(testing::below(random, 2));
  header.epoch = 1 + wide() / 2;
  header.seq = 1 + wide() / 2;
  header.part = static_cast<std::uint32_t>(wide());
  header.page_size = 512u << testing::below(random, 8);
  header.time_us = static_cast<std::int64_t>(wide()) * (testing::below(random, 2) == 0 ? 1 : -1);
  header.sum_before = wide();
  header.last = testing::below(random, 2) == 0;
  if (header.last) {
    header.page_count = 1 + static_cast<std::uint32_t>(wide()) / 2;
    header.sum_after = wide();
  }
  return header;
}

struct Change {
  PageChange change;
  Bytes body;
};

std::vector<Change> random_changes(testing::Random& random, std::uint32_t page_size) {
  std::vector<Change> changes(testing::below(random, 20));
  for (auto& [change, body] : changes) {
    const bool whole = testing::below(random, 4) == 0;
    body = testing::random_bytes(random, whole ? page_size : testing::below(random, page_size));
    change.page = 1 + static_cast<PageNo>(random() >> testing::below(random, 64)) / 2;
    change.hash = random();
    change.encoding = whole ? PageEncoding::whole : PageEncoding::delta;
    change.body = body;
  }
  return changes;
}

}  // namespace

TEST_CASE("golden part: the example of schemas/record.md") {
  CHECK(to_hex(from_hex(kGolden)) == to_hex(from_hex(testing::schema_example("record.md"))));
  CHECK(to_hex(sample_part()) == to_hex(from_hex(kGolden)));
  const auto bytes = from_hex(kGolden);
  ByteView view = bytes;
  RecordPart part;
  REQUIRE(decode_part(view, part));
  CHECK(view.empty());
  CHECK(part.header == sample_header());
  REQUIRE(part.changes.size() == 1);
  CHECK(part.changes[0].page == 2);
  CHECK(part.changes[0].hash == 0x0102030405060708);
  CHECK(part.changes[0].encoding == PageEncoding::delta);
  CHECK(to_hex(part.changes[0].body) == "0001aa");
}

TEST_CASE("golden epoch record: the second example of schemas/record.md") {
  CHECK(to_hex(from_hex(kGoldenEpoch)) ==
        to_hex(from_hex(testing::schema_example("record.md", 1))));
  PartBuilder builder;
  builder.open_epoch(kOpening);
  Bytes bytes;
  builder.finish(epoch_header(), bytes);
  CHECK(to_hex(bytes) == to_hex(from_hex(kGoldenEpoch)));
  const auto later = sample_part();
  bytes.insert(bytes.end(), later.begin(), later.end());
  ByteView view = bytes;
  RecordPart part;
  REQUIRE(decode_part(view, part));
  CHECK(part.header == epoch_header());
  CHECK(part.changes.empty());
  REQUIRE(part.opening);
  CHECK(*part.opening == kOpening);
  const EpochStart expected{.epoch = 2,
                            .node = "b",
                            .tenure = kOpening.tenure,
                            .first_seq = 43,
                            .sum = 0x1122334455667788,
                            .time_us = 1700000000000000,
                            .reason = "promote"};
  CHECK(epoch_start(part) == expected);
  REQUIRE(decode_part(view, part));
  CHECK_FALSE(part.opening);
}

TEST_CASE("an epoch record that breaks a rule is refused") {
  const auto refused = [](std::string_view from, std::string_view to) {
    return is_refused_with(from, to, kGoldenEpoch);
  };
  CHECK_FALSE(is_refused(from_hex(kGoldenEpoch)));
  CHECK(refused("9d 01 02", "9c 01 02"));                  // no opening
  CHECK(refused("9d 01 02", "9e 01 02"));                  // one field more
  CHECK(refused("9d 01 02", "9d 01 00"));                  // an opening, and no epoch record
  CHECK(refused("2b 00 c3", "2b 01 c3"));                  // not the first part
  CHECK(refused("03 cf11", "03 cf12"));                    // another state after it
  CHECK(refused("90 93", "91 93"));                        // a change
  CHECK(refused("90 93", "90 92"));                        //
  CHECK(refused("90 93", "90 94"));                        //
  CHECK(refused("a162", "c40162"));                        // bytes in place of a text
  CHECK(refused("a162", "01"));                            // a number
  CHECK(refused("a162", "9162"));                          // an array
  CHECK(refused("a162", "a107"));                          // not printable
  CHECK(refused("a162", "a1e4"));                          //
  CHECK(refused("a162", "d9ff" + std::string(510, '6')));  // too long
  CHECK(refused("cf0102030405060708 a7", "00 a7"));        // no tenure
  CHECK(refused("cf0102030405060708 a7", "ff a7"));        //
  CHECK(refused("cf0102030405060708 a7", "a101 a7"));
}

TEST_CASE("random parts come back, one after another, into the same memory") {
  testing::Random random(30);
  RecordPart part;
  PartBuilder builder;
  for (int round = 0; round < 300; ++round) {
    std::vector<PartHeader> headers;
    std::vector<std::vector<Change>> changes;
    Bytes bytes;
    for (auto parts = 1 + testing::below(random, 4); parts > 0; --parts) {
      headers.push_back(random_header(random));
      changes.push_back(random_changes(random, std::min(headers.back().page_size, 16384u)));
      for (auto& each : changes.back()) {
        each.change.encoding = each.body.size() == headers.back().page_size ? PageEncoding::whole
                                                                            : PageEncoding::delta;
        builder.add(each.change);
      }
      CHECK(builder.count() == changes.back().size());
      builder.finish(headers.back(), bytes);
      CHECK(builder.count() == 0);
      CHECK(builder.size() == 0);
    }
    ByteView view = bytes;
    for (std::size_t i = 0; i < headers.size(); ++i) {
      REQUIRE(decode_part(view, part));
      REQUIRE(part.header == headers[i]);
      REQUIRE(part.changes.size() == changes[i].size());
      for (std::size_t k = 0; k < part.changes.size(); ++k) {
        const auto& [change, body] = changes[i][k];
        REQUIRE(part.changes[k].page == change.page);
        REQUIRE(part.changes[k].hash == change.hash);
        REQUIRE(part.changes[k].encoding == change.encoding);
        REQUIRE(to_hex(part.changes[k].body) == to_hex(body));
      }
    }
    REQUIRE(view.empty());
  }
}

TEST_CASE("what breaks a rule of the format is refused") {
  CHECK_FALSE(is_refused(from_hex(kGolden)));
  CHECK(is_refused_with("9c 01", "9c 02"));                        // a newer version
  CHECK(is_refused_with("9c 01", "9c 00"));                        //
  CHECK(is_refused_with("9c 01", "9b 01"));                        // fewer fields
  CHECK(is_refused_with("9c 01", "9d 01"));                        // more fields
  CHECK(is_refused_with("9c 01 00", "9c 01 03"));                  // an unknown kind
  CHECK(is_refused_with("9c 01 00", "9c 01 02"));                  // an epoch without its opening
  CHECK(is_refused_with("9c 01 00 01", "9c 01 00 00"));            // epoch 0
  CHECK(is_refused_with("2a", "00"));                              // seq 0
  CHECK(is_refused_with("2a", "ff"));                              // a negative seq
  CHECK(is_refused_with("2a", "a12a"));                            // a text
  CHECK(is_refused_with("2a 00 c3", "2a cf0000000100000000 c3"));  // part beyond 32 bits
  CHECK(is_refused_with("c3", "01"));                              // 1 is not true
  CHECK(is_refused_with("c3", "c0"));                              //
  CHECK(is_refused_with("c3", "c2"));                      // not the last, but with a page count
  CHECK(is_refused_with("cd0200", "cd0201"));              // page sizes
  CHECK(is_refused_with("cd0200", "cd0100"));              //
  CHECK(is_refused_with("cd0200", "ce00020000"));          //
  CHECK(is_refused_with("cd0200", "cf0000000100000200"));  //
  CHECK(is_refused_with("cf00060a24181e4000", "cfffffffffffffffff"));  // time beyond 63 bits
  CHECK(is_refused_with("03 cf99", "00 cf99"));                        // no pages
  CHECK(is_refused_with("91 94", "92 94"));                            // a change less than it says
  CHECK(is_refused_with("91 94", "dd ffffffff 94"));                   //
  CHECK(is_refused_with("91 94", "91 93"));                            //
  CHECK(is_refused_with("91 94", "91 95"));                            //
  CHECK(is_refused_with("91 94", "91 84"));                            // a map
  CHECK(is_refused_with("94 02", "94 00"));                            // page 0
  CHECK(is_refused_with("94 02", "94 cf0000000100000001"));            // page beyond 32 bits
  CHECK(is_refused_with("01 c403", "00 c403"));  // a whole page of three bytes
  CHECK(is_refused_with("01 c403", "02 c403"));  // an unknown encoding
  CHECK(is_refused_with("01 c403", "01 a3"));    // a text
  CHECK(is_refused_with("c403", "c6ffffffff"));  // a body of 4 GiB
}

TEST_CASE("the limits of sizes") {
  auto header = sample_header();
  const Bytes page(512);
  CHECK_FALSE(is_refused(encode(header, {{1, 5, PageEncoding::whole, page}})));
  CHECK(is_refused(encode(header, {{1, 5, PageEncoding::delta, page}})));  // as long as the page
  CHECK(is_refused(encode(header, {{1, 5, PageEncoding::whole, ByteView(page).first(511)}})));
  CHECK_FALSE(is_refused(encode(header, {{1, 5, PageEncoding::delta, {}}})));
  header.kind = RecordKind::repair;
  std::vector<PageChange> many(1900, {1, 5, PageEncoding::whole, page});
  CHECK_FALSE(is_refused(encode(header, many)));
  Bytes oversized = encode(header, many);  // claims more changes than a part may have bytes for
  const auto more = encode(header, many);
  oversized.insert(oversized.end(), more.begin(), more.end());
  ByteView view = oversized;
  RecordPart part;
  CHECK(decode_part(view, part));
  CHECK(view.size() == more.size());
}

TEST_CASE("a part beyond the limit is refused even when it is sound") {
  // 0xdd: an array of 32-bit length, in place of the 16-bit one that the packer chose.
  const Bytes page(512);
  auto bytes =
      encode(sample_header(), std::vector<PageChange>(2000, {1, 5, PageEncoding::whole, page}));
  CHECK_FALSE(is_refused(bytes));
  const auto head = from_hex(std::string(kGolden).substr(0, std::string(kGolden).find("91 94")));
  const auto old_head = head.size() + 3;
  Bytes change(
      bytes.begin() + static_cast<std::ptrdiff_t>(old_head),
      bytes.begin() + static_cast<std::ptrdiff_t>(old_head + (bytes.size() - old_head) / 2000));
  Bytes large = head;
  for (const auto byte : from_hex("dd00000900")) large.push_back(byte);  // 2304 changes
  for (int i = 0; i < 2304; ++i) large.insert(large.end(), change.begin(), change.end());
  REQUIRE(large.size() > kPartLimit);
  CHECK(is_refused(large));
}

TEST_CASE("a part cut anywhere is refused") {
  for (const auto& bytes : {sample_part(), from_hex(kGoldenEpoch)}) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CHECK(is_refused(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))));
    }
  }
}

TEST_CASE("a part with any bit flipped is refused, or still keeps every rule") {
  auto bytes = sample_part();
  int accepted = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    ByteView view = bytes;
    RecordPart part;
    if (decode_part(view, part)) {
      ++accepted;
      CHECK(part.header.epoch != 0);
      CHECK(part.header.seq != 0);
      CHECK(is_page_size(part.header.page_size));
      for (const auto& change : part.changes) {
        CHECK(change.page != 0);
        CHECK(change.body.size() < part.header.page_size);
        CHECK(change.body.data() >= bytes.data());
        CHECK(change.body.data() + change.body.size() <= bytes.data() + bytes.size());
      }
    }
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  CHECK(accepted > 0);  // parts carry no checksum of their own: their batch does
}
