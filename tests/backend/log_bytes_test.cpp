// LogBytes against a log that is added up record by record.
#include "common/backend/log_bytes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

using namespace understudy;

namespace {

LogBounds bounds_of(Seq base, Seq last, std::uint64_t bytes) {
  LogBounds bounds;
  bounds.base.seq = base;
  bounds.last.seq = last;
  bounds.bytes = bytes;
  return bounds;
}

}  // namespace

TEST_CASE("exact at each note, while there are few") {
  LogBytes log;
  CHECK(log.after(0) == 0);
  log.note(bounds_of(0, 0, 0), 0);
  std::vector<std::uint64_t> totals = {0};
  for (Seq seq = 1; seq <= 200; ++seq) {
    totals.push_back(totals.back() + 100 * seq);
    log.note(bounds_of(0, seq, totals.back()), 100 * seq);
  }
  for (Seq seq = 0; seq <= 200; ++seq) CHECK(log.after(seq) == totals[200] - totals[seq]);
  CHECK(log.after(500) == 0);
}

TEST_CASE("parts of a record that is not whole yet count with the last one") {
  LogBytes log;
  log.note(bounds_of(0, 1, 50), 0);
  log.note(bounds_of(0, 1, 150), 100);
  log.note(bounds_of(0, 2, 200), 50);
  CHECK(log.after(0) == 200);
  CHECK(log.after(1) == 50);
}

TEST_CASE("a log that is there already is taken as of equal records") {
  LogBytes log;
  log.note(bounds_of(1000, 1100, 5000), 0);
  CHECK(log.after(1100) == 0);
  CHECK(log.after(1050) == 2500);
  CHECK(log.after(1000) == 5000);
  CHECK(log.after(900) == 10'000);  // no longer stored: as large as those that are
  CHECK(log.estimate(10) == 500);
}

TEST_CASE("a log that was taken back is counted anew; one that was trimmed is not") {
  LogBytes log;
  log.note(bounds_of(0, 100, 10'000), 0);
  log.note(bounds_of(50, 100, 5'000), 0);
  CHECK(log.after(90) == 1000);
  log.note(bounds_of(0, 10, 20), 0);
  CHECK(log.after(0) == 20);
  CHECK(log.after(10) == 0);
}

TEST_CASE(
    "over a long log: near for what is near, and never off by more than the notes are apart") {
  std::mt19937_64 random(5);
  LogBytes log;
  log.note(bounds_of(0, 0, 0), 0);
  std::vector<double> totals = {0};
  constexpr Seq kLast = 20'000;
  for (Seq seq = 1; seq <= kLast; ++seq) {
    const auto bytes = 50 + random() % 2000;
    totals.push_back(totals.back() + static_cast<double>(bytes));
    log.note(bounds_of(0, seq, 0), bytes);
  }
  for (Seq back = 1; back <= kLast; back = back * 3 / 2 + 1) {
    const double exact = totals[kLast] - totals[kLast - back];
    const double slack = 2050.0 * 160;  // notes are at most kLast / 128 apart
    CHECK(std::abs(static_cast<double>(log.after(kLast - back)) - exact) <= slack);
  }
  CHECK(log.after(0) == doctest::Approx(totals[kLast]).epsilon(0.001));
}
