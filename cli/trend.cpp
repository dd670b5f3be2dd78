#include "cli/trend.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace understudy {
namespace {

constexpr std::int64_t kSample_us = 1'000'000;
constexpr double kLeastLag_s = 0.001;
constexpr double kMostLag_s = 60;

// `share`: 0 … 1 of the height.
std::string_view bar(double share) {
  constexpr std::array<std::string_view, 8> kBarTexts = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto level = std::clamp(std::lround(share * 7), 0L, 7L);
  return kBarTexts[static_cast<std::size_t>(level)];
}

double lag_share(double seconds) {
  return std::log(std::max(seconds, kLeastLag_s) / kLeastLag_s) /
         std::log(kMostLag_s / kLeastLag_s);
}

}  // namespace

void Trend::add(std::optional<double> value, std::int64_t now_us) {
  if (now_us < next_us_) return;
  next_us_ = now_us + kSample_us;
  samples_.push_back(value);
  if (samples_.size() > kBars) samples_.pop_front();
}

std::string Trend::lag_bars() const {
  std::string text;
  for (const auto& sample : samples_) text += sample ? bar(lag_share(*sample)) : " ";
  return text;
}

std::string Trend::rate_bars() const {
  double most = 0;
  for (const auto& sample : samples_) most = std::max(most, sample.value_or(0));
  std::string text;
  for (const auto& sample : samples_) {
    text += sample ? bar(most > 0 ? *sample / most : 0) : " ";
  }
  return text;
}

}  // namespace understudy
