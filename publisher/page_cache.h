// PageCache: the latest content of recently changed pages, so that a delta needs no read.
// Bounded by bytes; evicts by second chance. Owned by the capture thread.
#pragma once

#include "common/core/types.h"

#include <unordered_map>

namespace understudy {

class PageCache {
 public:
  PageCache(std::uint32_t page_size, std::size_t max_bytes);

  // The content kept for `page`, to be changed in place; empty when there is none. Valid until the
  // next put().
  [[nodiscard]] std::span<std::byte> find(PageNo page);
  void put(PageNo page, ByteView content);  // content.size() is the page size
  void clear();

 private:
  struct Slot {
    PageNo page = 0;  // 0: free
    bool used_lately = false;
  };
  std::size_t claim_slot();
  [[nodiscard]] std::span<std::byte> content(std::size_t slot);

  std::uint32_t page_size_;
  std::size_t max_slots_;
  std::vector<Slot> slots_;
  Bytes contents_;  // of all slots, one after another
  std::unordered_map<PageNo, std::size_t> slot_of_;
  std::size_t hand_ = 0;
};

}  // namespace understudy
