#include "cli/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace understudy {
namespace {

using Unit = std::pair<std::string_view, double>;

constexpr std::array<Unit, 5> kDurations = {
    {{"ms", 1}, {"s", 1000}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}}};
constexpr std::array<Unit, 11> kSizes = {{{"", 1},
                                          {"B", 1},
                                          {"KiB", 0x1p10},
                                          {"MiB", 0x1p20},
                                          {"GiB", 0x1p30},
                                          {"TiB", 0x1p40},
                                          {"kB", 1e3},
                                          {"KB", 1e3},
                                          {"MB", 1e6},
                                          {"GB", 1e9},
                                          {"TB", 1e12}}};
constexpr double kLongest_ms = 1000.0 * 366 * 86400e3;
constexpr double kLargest = 0x1p62;

template <std::size_t N>
std::optional<double> parse(std::string_view text, const std::array<Unit, N>& units) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
  const auto name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [unit, factor] : units) {
    if (name == unit) return number * factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  if (text == "0") return 0;
  const auto value = parse(text, kDurations);
  if (!value || *value > kLongest_ms) return std::nullopt;
  return std::llround(*value);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto value = parse(text, kSizes);
  if (!value || *value > kLargest) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

}  // namespace understudy
