// Assertions that stay on in release builds: a broken invariant must end the process before it
// can reach somebody's data. Each says why it must hold. Never for input from outside.
#pragma once

namespace understudy::detail {
[[noreturn]] void assertion_failed(const char* expression, const char* why, const char* file,
                                   int line);
}

#define US_ASSERT(expression, why)                                                  \
  do {                                                                              \
    if (!(expression)) [[unlikely]]                                                 \
      ::understudy::detail::assertion_failed(#expression, why, __FILE__, __LINE__); \
  } while (false)
