#include "common/core/assert.h"

#include <cstdio>
#include <cstdlib>

namespace understudy::detail {

void assertion_failed(const char* expression, const char* why, const char* file, int line) {
  std::fprintf(stderr, "understudy: broken invariant: %s (%s) at %s:%d\n", why, expression, file,
               line);
  std::abort();
}

}  // namespace understudy::detail
