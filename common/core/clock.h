// The two clocks: wall time for people and records, monotonic time for deadlines.
#pragma once

#include <cstdint>

namespace understudy {

std::int64_t unix_time_us();       // microseconds since 1970-01-01 UTC; can jump
std::int64_t monotonic_time_us();  // microseconds since some start; never goes back

}  // namespace understudy
