#include "common/core/hash.h"

#include <xxhash.h>

namespace understudy {

std::uint64_t xxh3(ByteView bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace understudy
