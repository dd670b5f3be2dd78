// The text forms: each value prints to one text, which parses back; nothing else parses.
#include "common/core/types.h"

#include "common/core/byte_order.h"
#include "common/core/hash.h"

#include <doctest/doctest.h>

namespace understudy {
namespace {

TEST_CASE("a position prints and parses back") {
  for (const Position& position :
       {Position{1, 42, 0x00c0ffee00c0ffee}, Position{}, Position{~0ull, ~0ull, ~0ull}}) {
    CHECK(Position::parse(position.to_string()) == position);
  }
  CHECK(Position{1, 42, 0x00c0ffee00c0ffee}.to_string() == "1/42/00c0ffee00c0ffee");
}

TEST_CASE("what is not a position does not parse") {
  for (const char* text :
       {"", "/", "//", "1/42", "1/42/", "1/42/00c0ffee00c0ffe", "1/42/00c0ffee00c0ffee0",
        "1/42/00c0ffee00c0ffeg", "1/42/00c0ffee00c0ffee/", "/42/00c0ffee00c0ffee",
        "1//00c0ffee00c0ffee", "-1/42/00c0ffee00c0ffee", " 1/42/00c0ffee00c0ffee",
        "18446744073709551616/42/00c0ffee00c0ffee", "1/4x/00c0ffee00c0ffee"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(Position::parse(text));
  }
}

TEST_CASE("a stream id prints and parses back, and is new each time") {
  const auto id = StreamId::random();
  CHECK(id.to_string().size() == 32);
  CHECK(StreamId::parse(id.to_string()) == id);
  CHECK(StreamId::random() != id);
  CHECK_FALSE(id.is_nil());
  CHECK(StreamId{}.is_nil());
  CHECK_FALSE(StreamId::parse(""));
  CHECK_FALSE(StreamId::parse(id.to_string() + "0"));
  CHECK_FALSE(StreamId::parse(id.to_string().substr(1)));
  CHECK_FALSE(StreamId::parse(std::string(31, '0') + "g"));
}

TEST_CASE("byte orders") {
  const std::byte bytes[4] = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  CHECK(load_be32(bytes) == 0x01020304);
  CHECK(load_be16(bytes) == 0x0102);
  CHECK(load_le<std::uint32_t>(bytes) == 0x04030201);
  std::byte out[4];
  store_be32(out, 0xa1b2c3d4);
  CHECK(load_be32(out) == 0xa1b2c3d4);
  store_le(out, std::uint32_t{0xa1b2c3d4});
  CHECK(load_le<std::uint32_t>(out) == 0xa1b2c3d4);
}

// Golden: files and peers hold these values.
TEST_CASE("the hash is XXH3-64") {
  CHECK(hex(xxh3({})) == "2d06800538d394c2");
  const std::string text = "understudy";
  CHECK(xxh3(std::as_bytes(std::span(text)), 1) != xxh3(std::as_bytes(std::span(text)), 2));
}

}  // namespace
}  // namespace understudy
