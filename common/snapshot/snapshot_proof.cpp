#include "common/snapshot/snapshot_proof.h"

#include "common/record/page_hash.h"

namespace understudy {

SnapshotProof::SnapshotProof(std::uint32_t page_size, PageNo block_pages, Seq first_as_of)
    : page_size_(page_size),
      block_pages_(block_pages),
      first_as_of_(first_as_of),
      hashes_(page_size) {}

void SnapshotProof::add_block(Seq as_of, PageNo first, ByteView contents, PageNo exist) {
  const auto lock_byte = lock_byte_page(page_size_);
  const auto count = static_cast<PageNo>(contents.size() / page_size_);
  as_of_.push_back(as_of);
  pages_ += count;
  hashes_.resize(pages_);
  for (PageNo i = 0; i < count; ++i) {
    const auto page = first + i;
    if (page == lock_byte || page > exist) continue;
    const auto content = contents.subspan(std::size_t{i} * page_size_, page_size_);
    hashes_.set(page, hash_page(page, content));
  }
}

// Pages beyond the blocks were made by records behind the first.
Seq SnapshotProof::as_of(PageNo page) const {
  return page > pages_ ? first_as_of_ : as_of_[(page - 1) / block_pages_];
}

// False: so far beyond the end that the record must be damaged; the table would grow without bound.
bool SnapshotProof::may_exist(PageNo page) const {
  constexpr PageNo kLargestGrowth = 1u << 22;
  return page != 0 && page != lock_byte_page(page_size_) &&
         page - 1 <= std::uint64_t{hashes_.page_count()} + kLargestGrowth;
}

bool SnapshotProof::add_part(const RecordPart& part) {
  const auto& header = part.header;
  if (header.page_size != page_size_) return false;
  for (const auto& change : part.changes) {
    if (!may_exist(change.page)) return false;
    if (as_of(change.page) < header.seq) hashes_.set(change.page, change.hash);
  }
  if (!header.last) return true;
  // Pages of blocks that were read later may lie beyond, and exist again: they keep their hash.
  for (auto page = header.page_count + 1; page <= hashes_.page_count(); ++page) {
    if (as_of(page) < header.seq) hashes_.set(page, 0);
  }
  return true;
}

bool SnapshotProof::is_right(PageNo page_count, StateSum sum) {
  hashes_.resize(page_count);
  return hashes_.recount() == sum;
}

}  // namespace understudy
