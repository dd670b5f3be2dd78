// Snapshots: each piece of the file as it comes, and with its checksum made to fit where that is
// possible from outside. Lengths stay within their limits whatever is written there.
#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/core/hash.h"
#include "common/snapshot/snapshot_format.h"

#include <algorithm>

using namespace understudy;
using namespace understudy::snapshot_format;

namespace {

constexpr std::size_t kHeaderChecksumAt = 40;  // schemas/snapshot.md

void read_header(ByteView bytes) {
  const auto decoded = decode_header(bytes);
  if (decoded.verdict != HeaderVerdict::whole) return;
  const auto again = encode_header(decoded.header);
  US_ASSERT(again.seed == decoded.seed, "the seed is of the header");
  US_ASSERT(decode_header(again.bytes).header == decoded.header, "what was encoded decodes");
}

void read_footer(ByteView bytes) {
  const auto footer = decode_footer(bytes);
  if (!footer) return;
  const auto again = decode_footer(encode_footer(*footer));
  US_ASSERT(again && *again == *footer, "what was encoded decodes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  read_header(input);
  if (size >= kHeaderSize) {
    Bytes sealed(input.begin(), input.begin() + kHeaderSize);
    store_le(sealed.data() + kHeaderChecksumAt, xxh3(input.first(kHeaderChecksumAt), 0));
    read_header(sealed);
  }
  for (const std::uint32_t page_size : {512u, 4096u, 65536u}) {
    const auto head = decode_head(input.first(std::min(size, kFrameHeadSize)), page_size);
    if (!head) continue;
    US_ASSERT(head->count <= pages_per_block(page_size), "a block is bounded");
  }
  read_footer(input);
  (void)decode_trailer(input.first(std::min(size, kTrailerSize)), 7);
  return 0;
}
