// Durations and sizes as people type them, and nothing else.
#include "cli/units.h"

#include <doctest/doctest.h>

using namespace understudy;

TEST_CASE("durations") {
  CHECK(parse_duration_ms("500ms") == 500);
  CHECK(parse_duration_ms("5s") == 5000);
  CHECK(parse_duration_ms("1.5s") == 1500);
  CHECK(parse_duration_ms("2m") == 120'000);
  CHECK(parse_duration_ms("24h") == 86'400'000);
  CHECK(parse_duration_ms("7d") == 604'800'000);
  CHECK(parse_duration_ms("0") == 0);
  for (const auto* text : {"", "5", "s", "-5s", "5 s", "5S", "5sec", "nan", "infs", "1e9s", "5s5s",
                           "99999999999999999999h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration_ms(text).has_value());
  }
}

TEST_CASE("sizes") {
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("64KiB") == 65536);
  CHECK(parse_size("1.5GiB") == 1610612736);
  CHECK(parse_size("100MB") == 100'000'000);
  for (const auto* text : {"", "GiB", "-1", "1 GiB", "1gib", "1e3", "99999999999TiB"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text).has_value());
  }
}
