// The clocks: wall time for people and records, monotonic time for deadlines.
#pragma once

#include <cstdint>
#include <string>

namespace understudy {

std::int64_t unix_time_us();       // microseconds since 1970-01-01 UTC; can jump
std::int64_t monotonic_time_us();  // microseconds since some start; never goes back
std::int64_t boot_time_us();       // like it, and goes on while the machine sleeps: for leases

// "2026-11-24T14:03:07Z"; "-" for 0, which stands for a time that nobody noted.
std::string utc_text(std::int64_t unix_time_us);

}  // namespace understudy
