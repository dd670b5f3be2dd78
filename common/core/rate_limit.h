// RateLimit: so many at once, so many a second after that. What comes faster is for the caller to
// drop. A value; time is what the caller says.
#pragma once

#include <algorithm>
#include <cstdint>

namespace understudy {

class RateLimit {
 public:
  RateLimit(std::int64_t burst, std::int64_t per_second)
      : cost_us_(1'000'000 / per_second), most_us_(burst * cost_us_), saved_us_(most_us_) {}

  // False: too many.
  [[nodiscard]] bool take(std::int64_t now_us) {
    saved_us_ = std::min(most_us_, saved_us_ + std::max<std::int64_t>(0, now_us - last_us_));
    last_us_ = now_us;
    if (saved_us_ < cost_us_) return false;
    saved_us_ -= cost_us_;
    return true;
  }

 private:
  std::int64_t cost_us_;
  std::int64_t most_us_;
  std::int64_t saved_us_;  // time not used up
  std::int64_t last_us_ = 0;
};

}  // namespace understudy
