// PageCache: always the latest content or nothing, within its bound, whatever the order of use.
#include "publisher/page_cache.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

using namespace understudy;

namespace {

Bytes content_of(PageNo page, unsigned version) {
  return Bytes(512, static_cast<std::byte>(page * 31 + version));
}

}  // namespace

TEST_CASE("a page that was put is found with its latest content, until it is evicted") {
  PageCache cache(512, 16 * 512);
  std::mt19937 random(7);
  std::map<PageNo, unsigned> versions;
  std::size_t found = 0;
  for (int step = 0; step < 20000; ++step) {
    const PageNo page = 1 + random() % 40;
    if (random() % 2 == 0) {
      cache.put(page, content_of(page, ++versions[page]));
    } else if (const auto content = cache.find(page); !content.empty()) {
      ++found;
      REQUIRE(std::ranges::equal(content, content_of(page, versions[page])));
    }
  }
  CHECK(found > 1000);  // it does keep something
}

TEST_CASE("pages in use stay when others pass through") {
  PageCache cache(512, 16 * 512);
  cache.put(1, content_of(1, 1));
  for (PageNo page = 100; page < 200; ++page) {
    cache.put(page, content_of(page, 1));
    REQUIRE_FALSE(cache.find(1).empty());
  }
}

TEST_CASE("clear() forgets everything") {
  PageCache cache(512, 16 * 512);
  cache.put(1, content_of(1, 1));
  cache.clear();
  CHECK(cache.find(1).empty());
}
