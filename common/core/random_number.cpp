#include "common/core/random_number.h"

#include <random>

namespace understudy {

std::uint64_t random_number() {
  std::random_device source;
  std::uint64_t number = 0;
  while (number == 0) number = (std::uint64_t{source()} << 32) | source();
  return number;
}

}  // namespace understudy
