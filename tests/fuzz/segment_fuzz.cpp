// Segments: each piece of the file as it comes, and with its checksum made to fit where that is
// possible from outside; and the names of files.
#include "common/archive/segment_format.h"
#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/core/hash.h"

#include <algorithm>

using namespace understudy;
using namespace understudy::segment_format;

namespace {

constexpr std::size_t kHeaderChecksumAt = 48;  // schemas/segment.md
constexpr std::uint64_t kSeed = 7;

void read_header(ByteView bytes) {
  const auto decoded = decode_header(bytes);
  if (decoded.verdict != HeaderVerdict::whole) return;
  const auto again = encode_header(decoded.header);
  US_ASSERT(again.seed == decoded.seed, "the seed is of the header");
  US_ASSERT(decode_header(again.bytes).header == decoded.header, "what was encoded decodes");
}

void read_end(ByteView bytes) {
  const SegmentHeader header{{}, {1, 0, 0}};
  const auto footer = decode_end(bytes, header, kSeed);
  if (!footer) return;
  const auto again = decode_end(encode_end(*footer, kSeed), header, kSeed);
  US_ASSERT(again && *again == *footer, "what was encoded decodes");
}

// The input as a footer, with a tail that fits.
void read_as_footer(ByteView footer) {
  Bytes bytes(footer.begin(), footer.end());
  std::array<std::byte, kTailSize> tail{};
  store_le(tail.data(), static_cast<std::uint32_t>(footer.size()));
  store_le(tail.data() + 4, std::uint32_t{0x48736455});
  store_le(tail.data() + 8, xxh3(footer, xxh3(ByteView(tail).first(8), kSeed)));
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  read_end(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  read_header(input);
  if (size >= kHeaderSize) {
    Bytes sealed(input.begin(), input.begin() + kHeaderSize);
    store_le(sealed.data() + kHeaderChecksumAt, xxh3(input.first(kHeaderChecksumAt)));
    read_header(sealed);
  }
  if (const auto length = decode_head(input.first(std::min(size, kFrameHeadSize)))) {
    US_ASSERT(*length <= kFrameLimit, "a batch is bounded");
  }
  read_end(input);
  read_as_footer(input);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto name = SegmentName::parse(text)) {
    US_ASSERT(name->to_string() == text, "a name has one spelling");
  }
  return 0;
}
