// ?lag= means what it says, and nothing else is taken for a bound.
#include "common/api/lag_bound.h"

#include <doctest/doctest.h>

#include <string>

using namespace understudy;

TEST_CASE("each unit is read, with and without a fraction") {
  CHECK(parse_lag_bound("0") == LagBound(LagSeconds{0}));
  CHECK(parse_lag_bound("2") == LagBound(LagSeconds{2}));
  CHECK(parse_lag_bound("5s") == LagBound(LagSeconds{5}));
  CHECK(parse_lag_bound("0.5s") == LagBound(LagSeconds{0.5}));
  CHECK(parse_lag_bound("500ms") == LagBound(LagSeconds{0.5}));
  CHECK(parse_lag_bound("2m") == LagBound(LagSeconds{120}));
  CHECK(parse_lag_bound("1h") == LagBound(LagSeconds{3600}));
  CHECK(parse_lag_bound("100tx") == LagBound(LagTransactions{100}));
  CHECK(parse_lag_bound("0tx") == LagBound(LagTransactions{0}));
  CHECK(parse_lag_bound("1B") == LagBound(LagBytes{1}));
  CHECK(parse_lag_bound("64kB") == LagBound(LagBytes{64'000}));
  CHECK(parse_lag_bound("1MB") == LagBound(LagBytes{1'000'000}));
  CHECK(parse_lag_bound("2GB") == LagBound(LagBytes{2'000'000'000}));
  CHECK(parse_lag_bound("64KiB") == LagBound(LagBytes{65'536}));
  CHECK(parse_lag_bound("1.5MiB") == LagBound(LagBytes{1'572'864}));
  CHECK(parse_lag_bound("2GiB") == LagBound(LagBytes{std::uint64_t{2} << 30}));
}

TEST_CASE("nothing else is a bound") {
  for (const auto* text : {"",
                           " ",
                           "s",
                           "tx",
                           "B",
                           "-1",
                           "-1s",
                           "+1",
                           "1 s",
                           " 1",
                           "1s ",
                           "1S",
                           "1sec",
                           "1.5tx",
                           "1t",
                           "1txs",
                           "1kb",
                           "1mib",
                           "1TiB",
                           "nan",
                           "inf",
                           "1e3",
                           "0x10",
                           ".",
                           "1..2",
                           "1.2.3s",
                           ",5",
                           "99999999999999999999tx",
                           "99999999GiB",
                           "1s\n",
                           "5000000000000000000000000000000000s",
                           "1MiB;"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_lag_bound(text).has_value());
  }
}

TEST_CASE("a bound holds up to its value; what is not known is not within any") {
  const Lag lag{2.5, 7, 4096};
  CHECK(is_within(LagSeconds{2.5}, lag));
  CHECK_FALSE(is_within(LagSeconds{2.4}, lag));
  CHECK(is_within(LagTransactions{7}, lag));
  CHECK_FALSE(is_within(LagTransactions{6}, lag));
  CHECK(is_within(LagBytes{4096}, lag));
  CHECK_FALSE(is_within(LagBytes{4095}, lag));
  for (const LagBound bound :
       {LagBound(LagSeconds{1e9}), LagBound(LagTransactions{1'000'000}), LagBound(LagBytes{1})}) {
    CHECK_FALSE(is_within(bound, {}));
  }
}
