// Durations and sizes as people type them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace understudy {

// "500ms", "5s", "1.5s", "2m", "24h", "7d" → milliseconds. A unit is required, but for 0.
// nullopt: not a duration, or longer than 1000 years.
std::optional<std::int64_t> parse_duration_ms(std::string_view text);

// "4096", "64KiB", "1.5GiB", "100MB" → bytes (KiB is 1024, kB and KB are 1000).
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace understudy
