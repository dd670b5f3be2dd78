// Random numbers that name things: instances, tenures, demands. Any thread.
#pragma once

#include <cstdint>

namespace understudy {

// From the system's source; never 0, which means "none" wherever such a number is kept.
std::uint64_t random_number();

}  // namespace understudy
