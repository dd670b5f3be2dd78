// Latencies: all of them kept, so that percentiles are exact. Reserve first: growing while
// measuring would be measured. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

namespace understudy::bench {

inline std::int64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000ll + time.tv_nsec;
}

// Sleeps until an instant of now_ns(); an instant that is past returns at once.
inline void sleep_until_ns(std::int64_t when) {
  const timespec time{when / 1'000'000'000ll, when % 1'000'000'000ll};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

class Latencies {
 public:
  explicit Latencies(std::size_t expected) { values_.reserve(expected); }
  void add(std::int64_t ns) { values_.push_back(ns); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  // p50, p99, p999, max and their count, as a JSON object in microseconds.
  [[nodiscard]] std::string to_json();

 private:
  [[nodiscard]] double quantile_us(double share) const;
  std::vector<std::int64_t> values_;
};

}  // namespace understudy::bench
