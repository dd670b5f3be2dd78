// Trend: the last half minute of one figure, as a row of bars for a terminal: "▁▁▂▅▁". Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace understudy {

class Trend {
 public:
  static constexpr std::size_t kBars = 30;

  // At most one sample a second is kept. nullopt: not known at that time, a blank.
  void add(std::optional<double> value, std::int64_t now_us);

  // Lags in seconds: logarithmic, from 1 ms to a minute, so that rows can be compared.
  [[nodiscard]] std::string lag_bars() const;
  // From 0 to the largest of them.
  [[nodiscard]] std::string rate_bars() const;

 private:
  std::deque<std::optional<double>> samples_;
  std::int64_t next_us_ = 0;
};

}  // namespace understudy
