// LatencyHistogram: how long something took, in buckets from 50 µs to 30 s.
//
// observe() is lock-free and costs two uncontended atomic additions. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace understudy {

class LatencyHistogram {
 public:
  static constexpr std::array<std::int64_t, 18> kUpTo_us = {
      50,     100,     200,     500,     1'000,     2'000,     5'000,     10'000,     20'000,
      50'000, 100'000, 200'000, 500'000, 1'000'000, 2'000'000, 5'000'000, 10'000'000, 30'000'000};

  struct Reading {
    std::array<std::uint64_t, kUpTo_us.size() + 1> counts{};  // the last one: longer than all
    double sum_seconds = 0;
    [[nodiscard]] std::uint64_t count() const;
  };

  // Less than 0 counts as 0: clocks are set back.
  void observe(std::int64_t duration_us) {
    const auto time_us = duration_us < 0 ? 0 : duration_us;
    std::size_t bucket = 0;
    while (bucket < kUpTo_us.size() && time_us > kUpTo_us[bucket]) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_us_.fetch_add(static_cast<std::uint64_t>(time_us), std::memory_order_relaxed);
  }
  // What is observed meanwhile may be in the one and not in the other.
  [[nodiscard]] Reading read() const;

 private:
  std::array<std::atomic<std::uint64_t>, kUpTo_us.size() + 1> counts_{};
  std::atomic<std::uint64_t> sum_us_{0};
};

}  // namespace understudy
