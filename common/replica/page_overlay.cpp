#include "common/replica/page_overlay.h"

#include "common/core/assert.h"

#include <algorithm>
#include <bit>

namespace understudy {

PageOverlay::PageOverlay(std::uint32_t page_size, std::size_t budget_bytes)
    : page_size_(page_size) {
  const auto count = std::max<std::size_t>(16, budget_bytes / page_size);
  contents_.resize(count * page_size);
  slots_.resize(count);
  buckets_.assign(std::bit_ceil(count * 2), kNone);
  dirty_list_.reserve(count);
}

std::size_t PageOverlay::bucket_of(PageNo page) const {
  return (page * 0x9e3779b97f4a7c15ull >> 32) & (buckets_.size() - 1);
}

PageOverlay::Slot PageOverlay::find(PageNo page) {
  for (auto at = bucket_of(page);; at = (at + 1) & (buckets_.size() - 1)) {
    const auto slot = buckets_[at];
    if (slot == kNone) return kNone;
    if (slots_[slot].page != page) continue;
    slots_[slot].used = true;
    return slot;
  }
}

PageOverlay::Slot PageOverlay::insert(PageNo page) {
  const auto slot = evict_clean();
  slots_[slot] = {.page = page, .dirty = false, .used = true};
  auto at = bucket_of(page);
  while (buckets_[at] != kNone) at = (at + 1) & (buckets_.size() - 1);
  buckets_[at] = slot;
  return slot;
}

std::span<std::byte> PageOverlay::content(Slot slot) {
  return {contents_.data() + std::size_t{slot} * page_size_, page_size_};
}

PageOverlay::Slot PageOverlay::evict_clean() {
  US_ASSERT(!must_flush(), "a quarter of the slots is clean, so the clock's hand finds one");
  for (;;) {
    const auto slot = hand_;
    hand_ = static_cast<Slot>((hand_ + 1) % slots_.size());
    auto& entry = slots_[slot];
    if (entry.page == 0) return slot;
    if (entry.dirty) continue;
    if (!entry.used) {
      remove(slot);
      return slot;
    }
    entry.used = false;
  }
}

void PageOverlay::remove(Slot slot) {
  auto& entry = slots_[slot];
  if (entry.dirty) --dirty_count_;  // dirty_list_ is cleaned when it is next read
  unlink(entry.page);
  entry = {};
}

// Takes the page out of the table and closes the hole, so that probing needs no tombstones.
void PageOverlay::unlink(PageNo page) {
  const auto mask = buckets_.size() - 1;
  auto hole = bucket_of(page);
  while (slots_[buckets_[hole]].page != page) hole = (hole + 1) & mask;
  for (auto at = (hole + 1) & mask; buckets_[at] != kNone; at = (at + 1) & mask) {
    const auto home = bucket_of(slots_[buckets_[at]].page);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    buckets_[hole] = buckets_[at];
    hole = at;
  }
  buckets_[hole] = kNone;
}

void PageOverlay::mark_dirty(Slot slot) {
  if (slots_[slot].dirty) return;
  slots_[slot].dirty = true;
  ++dirty_count_;
  dirty_list_.push_back(slot);
}

void PageOverlay::mark_all_clean() {
  for (const auto slot : dirty_list_) slots_[slot].dirty = false;
  dirty_list_.clear();
  dirty_count_ = 0;
}

std::span<const PageOverlay::Slot> PageOverlay::dirty_slots() {
  std::sort(dirty_list_.begin(), dirty_list_.end(),
            [&](Slot a, Slot b) { return slots_[a].page < slots_[b].page; });
  const auto is_clean = [&](Slot slot) { return !slots_[slot].dirty; };
  dirty_list_.erase(std::remove_if(dirty_list_.begin(), dirty_list_.end(), is_clean),
                    dirty_list_.end());
  // A slot that was removed and became dirty again stands here twice.
  dirty_list_.erase(std::unique(dirty_list_.begin(), dirty_list_.end()), dirty_list_.end());
  return dirty_list_;
}

void PageOverlay::drop_beyond(PageNo page_count) {
  for (Slot slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].page > page_count) remove(slot);
  }
}

void PageOverlay::clear() {
  std::fill(slots_.begin(), slots_.end(), Entry{});
  std::fill(buckets_.begin(), buckets_.end(), kNone);
  dirty_list_.clear();
  dirty_count_ = 0;
  hand_ = 0;
}

}  // namespace understudy
