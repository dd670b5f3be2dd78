#include "publisher/page_cache.h"

#include "common/core/assert.h"

#include <algorithm>

namespace understudy {

PageCache::PageCache(std::uint32_t page_size, std::size_t max_bytes)
    : page_size_(page_size), max_slots_(std::max<std::size_t>(16, max_bytes / page_size)) {}

std::span<std::byte> PageCache::content(std::size_t slot) {
  return std::span(contents_).subspan(slot * page_size_, page_size_);
}

std::span<std::byte> PageCache::find(PageNo page) {
  const auto found = slot_of_.find(page);
  if (found == slot_of_.end()) return {};
  slots_[found->second].used_lately = true;
  return content(found->second);
}

std::size_t PageCache::claim_slot() {
  if (slots_.size() < max_slots_) {
    slots_.emplace_back();
    contents_.resize(contents_.size() + page_size_);
    return slots_.size() - 1;
  }
  while (slots_[hand_].used_lately) {
    slots_[hand_].used_lately = false;
    hand_ = (hand_ + 1) % slots_.size();
  }
  const auto slot = hand_;
  hand_ = (hand_ + 1) % slots_.size();
  slot_of_.erase(slots_[slot].page);
  return slot;
}

void PageCache::put(PageNo page, ByteView bytes) {
  US_ASSERT(bytes.size() == page_size_, "a page always has the page size");
  const auto found = slot_of_.find(page);
  const auto slot = found != slot_of_.end() ? found->second : claim_slot();
  if (found == slot_of_.end()) slot_of_[page] = slot;
  slots_[slot].page = page;  // used lately once it is found again
  std::ranges::copy(bytes, content(slot).begin());
}

void PageCache::clear() {
  slots_.clear();
  contents_.clear();
  slot_of_.clear();
  hand_ = 0;
}

}  // namespace understudy
