// Deltas. A foreign one, applied, stays within its page; whatever two pages the input makes, the
// delta between them leads from the one to the other.
#include "common/core/assert.h"
#include "common/record/delta.h"

#include <algorithm>

using namespace understudy;

namespace {

constexpr std::size_t kPageSize = 512;

void apply_foreign(ByteView delta) {
  Bytes page(kPageSize, std::byte{0x5c});  // of its own, so that ASan sees what reaches beyond
  (void)apply_delta(page, delta);
}

// The input's halves, cut or filled up to a page, are the page before and after.
void round_trip(ByteView input) {
  Bytes before(kPageSize);
  Bytes after(kPageSize);
  const auto half = std::min(input.size() / 2, kPageSize);
  std::copy_n(input.begin(), half, before.begin());
  std::copy_n(input.end() - static_cast<std::ptrdiff_t>(half), half, after.begin());
  Bytes delta;
  if (!encode_delta(before, after, delta)) {
    US_ASSERT(delta.empty(), "a delta that is not made leaves nothing");
    return;
  }
  US_ASSERT(delta.size() < kPageSize, "a delta is shorter than its page");
  US_ASSERT(apply_delta(before, delta) && before == after, "a delta leads to the page it is of");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  apply_foreign(input);
  round_trip(input);
  return 0;
}
