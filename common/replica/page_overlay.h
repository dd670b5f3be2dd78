// PageOverlay: page contents in memory, a bounded number of them: the pages that the commit being
// prepared has changed (dirty), and recently used ones as they are (clean).
//
// Invariants: a page is here at most once; what is dirty is newer than any file; only clean pages
// make room for others. It does no I/O: when must_flush() the owner writes the dirty pages and
// calls mark_all_clean(). No allocation after construction. One thread at a time.
#pragma once

#include "common/core/types.h"

namespace understudy {

class PageOverlay {
 public:
  using Slot = std::uint32_t;
  static constexpr Slot kNone = 0xffffffff;

  // Holds budget_bytes / page_size pages, at least 16.
  PageOverlay(std::uint32_t page_size, std::size_t budget_bytes);

  // kNone: not here.
  [[nodiscard]] Slot find(PageNo page);
  // Makes room for `page`, which is not here; content undefined. Requires !must_flush().
  [[nodiscard]] Slot insert(PageNo page);
  [[nodiscard]] std::span<std::byte> content(Slot slot);
  [[nodiscard]] PageNo page(Slot slot) const { return slots_[slot].page; }
  void remove(Slot slot);

  void mark_dirty(Slot slot);
  void mark_all_clean();
  // Three quarters are dirty.
  [[nodiscard]] bool must_flush() const { return dirty_count_ * 4 >= slots_.size() * 3; }
  [[nodiscard]] std::size_t dirty_count() const { return dirty_count_; }
  // Slots of the dirty pages, in the order of page numbers; valid until the next call.
  [[nodiscard]] std::span<const Slot> dirty_slots();

  void drop_beyond(PageNo page_count);
  void clear();

 private:
  struct Entry {
    PageNo page = 0;  // 0: free
    bool dirty = false;
    bool used = false;  // since the clock's hand came by
  };
  [[nodiscard]] std::size_t bucket_of(PageNo page) const;
  [[nodiscard]] Slot evict_clean();
  void unlink(PageNo page);

  std::uint32_t page_size_;
  Bytes contents_;
  std::vector<Entry> slots_;
  std::vector<Slot> buckets_;  // open addressing, linear probing; a power of two
  std::vector<Slot> dirty_list_;
  std::size_t dirty_count_ = 0;
  Slot hand_ = 0;
};

}  // namespace understudy
