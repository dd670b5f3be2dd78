#include "common/record/page_hash.h"

#include "common/core/hash.h"

#include <atomic>
#include <bit>

namespace understudy {
namespace {

std::atomic<std::uint32_t> lock_byte_offset{0x40000000};

}  // namespace

PageHash hash_page(PageNo page, ByteView content) {
  if (page == lock_byte_page(static_cast<std::uint32_t>(content.size()))) return 0;
  const auto hash = xxh3(content, page);
  return hash == 0 ? 1 : hash;  // 0 is taken: it stands for "no hash"
}

PageNo lock_byte_page(std::uint32_t page_size) {
  if (page_size == 0) return 0;  // a page number that no page has
  return lock_byte_offset.load(std::memory_order_relaxed) / page_size + 1;
}

void set_lock_byte_offset(std::uint32_t offset) {
  lock_byte_offset.store(offset, std::memory_order_relaxed);
}

bool is_page_size(std::uint32_t bytes) {
  return bytes >= 512 && bytes <= 65536 && std::has_single_bit(bytes);
}

}  // namespace understudy
