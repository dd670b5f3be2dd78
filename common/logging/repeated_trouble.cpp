#include "common/logging/repeated_trouble.h"

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

constexpr std::int64_t kFirstInterval_us = 2'000'000;
constexpr std::int64_t kLongestInterval_us = 300'000'000;
constexpr std::int64_t kForgottenAfter_us = 60'000'000;

}  // namespace

std::optional<std::uint64_t> RepeatedTrouble::came(const std::string& text, std::int64_t now_us) {
  const bool is_new = count_ == 0 && interval_us_ == 0;
  if (is_new || text != text_ || now_us - last_us_ > kForgottenAfter_us) {
    text_ = text;
    count_ = 0;
    interval_us_ = 0;
    next_us_ = now_us;
  }
  last_us_ = now_us;
  ++count_;
  if (now_us < next_us_) return std::nullopt;
  interval_us_ = std::clamp(2 * interval_us_, kFirstInterval_us, kLongestInterval_us);
  next_us_ = now_us + interval_us_;
  return std::exchange(count_, 0);
}

}  // namespace understudy
