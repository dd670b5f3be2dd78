// A trouble that comes every second for an hour makes a few lines, and none is lost from the count.
#include "common/logging/repeated_trouble.h"

#include <doctest/doctest.h>

using namespace understudy;

namespace {
constexpr std::int64_t kSecond_us = 1'000'000;
}

TEST_CASE("the same trouble is logged at once, then after growing intervals with a count") {
  RepeatedTrouble trouble;
  CHECK(trouble.came("disk full", 0) == 1);
  int lines = 0;
  std::uint64_t told = 0;
  std::uint64_t since = 0;
  for (int second = 1; second <= 3600; ++second, ++since) {
    if (const auto count = trouble.came("disk full", second * kSecond_us)) {
      ++lines;
      told += *count;
      CHECK(*count == since + 1);
      since = static_cast<std::uint64_t>(-1);
    }
  }
  CHECK(lines >= 12);
  CHECK(lines <= 25);
  CHECK(told >= 3300);
}

TEST_CASE("another trouble, or one that was away, is logged at once") {
  RepeatedTrouble trouble;
  CHECK(trouble.came("disk full", 0) == 1);
  CHECK_FALSE(trouble.came("disk full", kSecond_us));
  CHECK(trouble.came("database away", 2 * kSecond_us) == 1);
  CHECK_FALSE(trouble.came("database away", 3 * kSecond_us));
  CHECK(trouble.came("database away", 100 * kSecond_us) == 1);
}
