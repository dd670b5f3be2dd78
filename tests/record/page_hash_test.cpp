// Page hashes: what schemas/state-sum.md promises about them, with values that must never change.
#include "common/record/page_hash.h"

#include "tests/record/random_bytes.h"
#include "tests/record/schema_example.h"

#include <doctest/doctest.h>

using namespace understudy;

TEST_CASE("page hashes stay what they are for ever: the table in schemas/state-sum.md") {
  const auto schema = testing::schema_text("state-sum.md");
  const auto is_written = [&](const std::string& hash) {
    return schema.find("`" + hash + "`") != std::string::npos;
  };
  CHECK(hex(hash_page(1, Bytes(512))) == "8a3b11577f6f69db");
  CHECK(hex(hash_page(2, Bytes(512))) == "bf6eaa6c73c0f547");
  CHECK(hex(hash_page(1, Bytes(65536, std::byte{0xa5}))) == "16d976c38fbddbe9");
  CHECK(is_written("8a3b11577f6f69db"));
  CHECK(is_written("bf6eaa6c73c0f547"));
  CHECK(is_written("16d976c38fbddbe9"));
}

TEST_CASE("a state with two pages swapped has another sum") {
  testing::Random random(1);
  const auto a = testing::random_bytes(random, 4096);
  const auto b = testing::random_bytes(random, 4096);
  CHECK(hash_page(7, a) + hash_page(8, b) != hash_page(7, b) + hash_page(8, a));
  CHECK(hash_page(7, a) != hash_page(8, a));
}

TEST_CASE("every bit of a page counts") {
  testing::Random random(2);
  auto page = testing::random_bytes(random, 512);
  const auto hash = hash_page(3, page);
  for (std::size_t bit = 0; bit < page.size() * 8; ++bit) {
    page[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK(hash_page(3, page) != hash);
    page[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
}

TEST_CASE("the lock-byte page is the one with offset 1 GiB, and has no hash") {
  CHECK(lock_byte_page(512) == 2097153);
  CHECK(lock_byte_page(4096) == 262145);
  CHECK(lock_byte_page(65536) == 16385);
  const Bytes page(4096, std::byte{1});
  CHECK(hash_page(262145, page) == 0);
  CHECK(hash_page(262144, page) != 0);
  set_lock_byte_offset(8192);
  CHECK(lock_byte_page(4096) == 3);
  CHECK(hash_page(3, page) == 0);
  set_lock_byte_offset(0x40000000);
  CHECK(hash_page(3, page) != 0);
}

TEST_CASE("page sizes are the powers of two from 512 to 65536") {
  int count = 0;
  for (std::uint32_t size = 0; size < 200000; ++size) count += is_page_size(size) ? 1 : 0;
  CHECK(count == 8);
  CHECK(is_page_size(512));
  CHECK(is_page_size(65536));
}
