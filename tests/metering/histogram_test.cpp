// Every duration lands in the one bucket that is named after it, and nothing is lost between
// threads.
#include "common/metering/histogram.h"


#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace understudy;

TEST_CASE("a bucket holds what is as long as it says, and not longer") {
  for (std::size_t i = 0; i < LatencyHistogram::kUpTo_us.size(); ++i) {
    LatencyHistogram histogram;
    histogram.observe(LatencyHistogram::kUpTo_us[i]);
    histogram.observe(LatencyHistogram::kUpTo_us[i] + 1);
    const auto reading = histogram.read();
    CHECK(reading.counts[i] == 1);
    CHECK(reading.counts[i + 1] == 1);
    CHECK(reading.count() == 2);
  }
}

TEST_CASE("a clock that was set back counts as no time, an hour as longer than all") {
  LatencyHistogram histogram;
  histogram.observe(-5);
  histogram.observe(0);
  histogram.observe(3'600'000'000);
  const auto reading = histogram.read();
  CHECK(reading.counts.front() == 2);
  CHECK(reading.counts.back() == 1);
  CHECK(reading.sum_seconds == doctest::Approx(3600));
}

TEST_CASE("no observation of several threads is lost") {
  LatencyHistogram histogram;
  constexpr int kEach = 20'000;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) histogram.observe(i);
    });
  }
  for (auto& thread : threads) thread.join();
  const auto reading = histogram.read();
  CHECK(reading.count() == 4 * kEach);
  CHECK(reading.sum_seconds == doctest::Approx(4.0 * kEach * (kEach - 1) / 2 / 1e6));
}
