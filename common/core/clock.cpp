#include "common/core/clock.h"

#include <fmt/chrono.h>
#include <time.h>

#include <chrono>

namespace understudy {
namespace {

template <typename Clock>
std::int64_t microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::int64_t unix_time_us() {
  return microseconds<std::chrono::system_clock>();
}
std::int64_t monotonic_time_us() {
  return microseconds<std::chrono::steady_clock>();
}

std::int64_t boot_time_us() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000;
}

std::string utc_text(std::int64_t unix_time_us) {
  if (unix_time_us == 0) return "-";
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time_t{unix_time_us / 1'000'000}));
}

}  // namespace understudy
