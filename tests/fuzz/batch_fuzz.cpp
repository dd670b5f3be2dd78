// Batches, as they come and with their checksum made to fit: without that a mutation would never
// get beyond it. Decompression stays within the limit, and parts are looked for in what comes out.
#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/core/hash.h"
#include "common/record/batch.h"
#include "common/record/record.h"

using namespace understudy;

namespace {

constexpr std::size_t kChecksumAt = 88;  // schemas/batch.md

void read_batch(ByteView blob) {
  const auto view = BatchView::parse(blob);
  if (!view) return;
  const auto& header = view->header;
  US_ASSERT(header.next() > header.last, "what comes next comes later");
  US_ASSERT(header.raw_bytes <= kBatchRawLimit, "memory is bounded before it is taken");
  Bytes raw;
  if (!view->unpack(raw)) return;
  US_ASSERT(raw.size() == header.raw_bytes, "the payload is what the header says");
  const auto again = encode_batch(header, raw);
  const auto view_again = BatchView::parse(again);
  US_ASSERT(view_again && view_again->header == header, "what was encoded parses");
  ByteView rest = raw;
  RecordPart part;
  while (!rest.empty() && decode_part(rest, part)) continue;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  read_batch(input);
  if (size < kBatchHeaderSize) return 0;
  Bytes sealed(input.begin(), input.end());
  store_le(sealed.data() + kChecksumAt,
           xxh3(input.subspan(kBatchHeaderSize), xxh3(input.first(kChecksumAt))));
  read_batch(sealed);
  return 0;
}
