#include "common/api/lag_bound.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace understudy {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 5> kTimes = {{{"", 1}, {"s", 1}, {"ms", 0.001}, {"m", 60}, {"h", 3600}}};
constexpr std::array<Unit, 7> kSizes = {{{"B", 1},
                                         {"kB", 1e3},
                                         {"MB", 1e6},
                                         {"GB", 1e9},
                                         {"KiB", 1024},
                                         {"MiB", 1024.0 * 1024},
                                         {"GiB", 1024.0 * 1024 * 1024}}};
constexpr std::size_t kLongest = 24;
constexpr double kMost = 1e15;  // whole numbers up to here are exact

bool is_number(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

template <std::size_t N>
std::optional<double> factor_of(const std::array<Unit, N>& units, std::string_view name) {
  const auto found = std::ranges::find(units, name, &Unit::name);
  if (found == units.end()) return std::nullopt;
  return found->factor;
}

}  // namespace

std::optional<LagBound> parse_lag_bound(std::string_view text) {
  if (text.size() > kLongest) return std::nullopt;
  const auto number = text.substr(0, std::min(text.find_first_not_of("0123456789."), text.size()));
  const auto unit = text.substr(number.size());
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value,
                                            std::chars_format::fixed);
  if (error != std::errc{} || end != number.data() + number.size() || !is_number(number)) {
    return std::nullopt;
  }
  if (const auto factor = factor_of(kTimes, unit)) return LagSeconds{value * *factor};
  if (unit == "tx") {
    if (value > kMost || value != std::floor(value)) return std::nullopt;
    return LagTransactions{static_cast<std::uint64_t>(value)};
  }
  const auto factor = factor_of(kSizes, unit);
  if (!factor || value * *factor > kMost) return std::nullopt;
  return LagBytes{static_cast<std::uint64_t>(value * *factor)};
}

bool is_within(const LagBound& bound, const Lag& lag) {
  if (const auto* seconds = std::get_if<LagSeconds>(&bound)) {
    return lag.seconds && *lag.seconds <= seconds->most;
  }
  if (const auto* transactions = std::get_if<LagTransactions>(&bound)) {
    return lag.transactions && *lag.transactions <= transactions->most;
  }
  return lag.bytes && *lag.bytes <= std::get<LagBytes>(bound).most;
}

}  // namespace understudy
