// The table in memory: its sum is that of its entries whatever is done to it; groups.
#include "common/record/page_hashes.h"

#include "common/core/hash.h"
#include "common/record/page_hash.h"
#include "tests/record/random_bytes.h"

#include <doctest/doctest.h>

#include <map>

using namespace understudy;

TEST_CASE("the sum follows every change, and a plain map agrees with each entry") {
  testing::Random random(50);
  PageHashes table(4096);
  std::map<PageNo, PageHash> model;
  PageNo count = 0;
  for (int step = 0; step < 20000; ++step) {
    if (testing::below(random, 50) == 0) {
      count = static_cast<PageNo>(testing::below(random, 3000));
      table.resize(count);
      model.erase(model.upper_bound(count), model.end());
    } else {
      const auto page = static_cast<PageNo>(1 + testing::below(random, 2000));
      const auto hash = testing::below(random, 8) == 0 ? 0 : random();
      table.set(page, hash);
      model[page] = hash;
      count = std::max(count, page);
    }
    REQUIRE(table.page_count() == count);
    if (step % 100 != 0) continue;
    StateSum sum = 0;
    for (const auto& [page, hash] : model) {
      REQUIRE(table.get(page) == hash);
      sum += hash;
    }
    REQUIRE(table.sum() == sum);
    REQUIRE(table.recount() == sum);
  }
}

TEST_CASE("pages that are not there have no hash") {
  PageHashes table(4096);
  CHECK(table.get(0) == 0);
  CHECK(table.get(1) == 0);
  table.set(3, 7);
  CHECK(table.page_count() == 3);
  CHECK(table.get(2) == 0);
  CHECK(table.get(3) == 7);
  CHECK(table.get(4) == 0);
  table.resize(2);
  table.resize(3);
  CHECK(table.get(3) == 0);
}

TEST_CASE("the lock-byte page has an entry that stays 0") {
  set_lock_byte_offset(8192);
  PageHashes table(4096);
  table.set(3, 99);
  table.set(4, 5);
  CHECK(table.page_count() == 4);
  CHECK(table.get(3) == 0);
  CHECK(table.sum() == 5);
  set_lock_byte_offset(0x40000000);
}
