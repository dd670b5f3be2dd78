// Moments as people name them, and the record that each means in a log.
#include "replay/moment.h"

#include "branching_log.h"

#include <doctest/doctest.h>

namespace understudy {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000;

// 2026-11-24T14:03:00Z, as `date -u -d 2026-11-24T14:03:00Z +%s` has it.
constexpr std::int64_t kMoment = 1'795'528'980 * kSecond;

TEST_CASE("RFC 3339 with offsets, fractions, and without seconds") {
  for (const auto* text :
       {"2026-11-24T14:03:00Z", "2026-11-24 14:03:00Z", "2026-11-24t14:03:00z", "2026-11-24 14:03Z",
        "2026-11-24T15:03:00+01:00", "2026-11-24T15:03:00+0100", "2026-11-24 09:03-05:00",
        "2026-11-24T19:33:00+05:30", "2026-11-25T00:03:00+10:00"}) {
    CAPTURE(text);
    CHECK(parse_moment(text, kNow) == kMoment);
  }
  CHECK(parse_moment("2026-11-24T14:03:00.5Z", kNow) == kMoment + kSecond / 2);
  CHECK(parse_moment("2026-11-24T14:03:00.123456789Z", kNow) == kMoment + 123456);
  CHECK(parse_moment("1970-01-01T00:00:00Z", kNow) == 0);
  CHECK(parse_moment("2024-02-29T00:00:00Z", kNow) == 1'709'164'800 * kSecond);
}

TEST_CASE("Durations before now") {
  CHECK(parse_moment("now", kNow) == kNow);
  CHECK(parse_moment("0s ago", kNow) == kNow);
  CHECK(parse_moment("90s ago", kNow) == kNow - 90 * kSecond);
  CHECK(parse_moment("15m ago", kNow) == kNow - 15 * 60 * kSecond);
  CHECK(parse_moment("1.5h ago", kNow) == kNow - 90 * 60 * kSecond);
  CHECK(parse_moment("2 d ago", kNow) == kNow - 2 * 86'400 * kSecond);
}

TEST_CASE("What is neither is refused") {
  for (const auto* text : {"",
                           "ago",
                           "m ago",
                           "15m",
                           "-5m ago",
                           "15x ago",
                           "1e3s ago",
                           "nan s ago",
                           "99999999d ago",
                           "2026-11-24",
                           "2026-11-24T14:03:00",
                           "2026-13-24T14:03:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-11-24T24:00:00Z",
                           "2026-11-24T14:60:00Z",
                           "2026-11-24T14:03:00.Z",
                           "2026-11-24T14:03:00Zx",
                           "2026-11-24T14:03:00+25:00",
                           "26-11-24T14:03:00Z",
                           "2026/11/24 14:03Z",
                           "yesterday"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_moment(text, kNow));
  }
}

TEST_CASE("The last record that was committed by a time") {
  test::BranchingLog toy(11);
  auto branch = toy.begin();
  toy.add_records(branch, 200);
  const auto log = toy.log(branch, 20, 200, true);
  CHECK(last_record_until(*log, branch.records[20].time_us - 1) == 20);
  for (Seq seq = 21; seq <= 200; ++seq) {
    const auto time = branch.records[seq - 1].time_us;
    CHECK(commit_time(*log, seq) == time);
    CHECK(last_record_until(*log, time) == seq);
    CHECK(last_record_until(*log, time - 1) == seq - 1);
  }
  CHECK(last_record_until(*log, branch.records.back().time_us + 1) == 200);
}

}  // namespace
}  // namespace understudy
