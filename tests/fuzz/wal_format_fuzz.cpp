// Any bytes to the WAL's decoders: no crash, and what is decoded encodes to the same bytes.
#include "common/wal/wal_format.h"

#include <cstdlib>
#include <cstring>

using namespace understudy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  if (auto header = wal::Header::decode(bytes)) {
    std::array<std::byte, wal::kHeaderSize> again{};
    header->encode(again);
    if (std::memcmp(again.data(), data, again.size()) != 0) std::abort();
  }
  if (const auto cursor = wal::Cursor::decode(bytes)) {
    const auto again = cursor->encode();
    if (std::memcmp(again.data(), data, again.size()) != 0) std::abort();
  }
  if (size >= wal::kFrameHeaderSize) {
    (void)wal::FrameHeader::decode(bytes.first<wal::kFrameHeaderSize>());
    (void)wal::advance({}, bytes.first(size & ~std::size_t{7}), (size & 1) != 0);
  }
  return 0;
}
