// Simulated time, seeded chance, and the queue of what happens next. One seed is one run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>

namespace understudy::sim {

// A promise was broken; the message says which, where.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  // 0 … below − 1. (std's distributions differ between libraries; a seed should not.)
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  // Half of the time the most.
  std::int64_t up_to(std::int64_t high) { return in_thousand(500) ? high : between(1, high); }
  bool in_thousand(std::uint64_t n) { return below(1000) < n; }
  std::uint64_t bits() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

class Events {
 public:
  [[nodiscard]] std::int64_t now() const { return now_; }
  void in(std::int64_t delay_us, std::function<void()> what) {
    queue_.emplace(now_ + (delay_us < 0 ? 0 : delay_us), std::move(what));
  }
  // Until the next event is later than `until`.
  void run_until(std::int64_t until) {
    while (!queue_.empty() && queue_.begin()->first <= until) {
      auto node = queue_.extract(queue_.begin());
      now_ = node.key();
      node.mapped()();
      ++count_;
    }
    now_ = until;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::int64_t now_ = 1'000'000;
  std::uint64_t count_ = 0;
  std::multimap<std::int64_t, std::function<void()>> queue_;  // equal times in order of arrival
};

}  // namespace understudy::sim
