// SnapshotProof: what the pages and records of a snapshot come to, without their contents: the hash
// of each page, moved on by each change's hash in the records behind it.
// Pure; one thread; 8 bytes a page.
#pragma once

#include "common/record/page_hashes.h"
#include "common/record/record.h"

#include <string>

namespace understudy {

class SnapshotProof {
 public:
  // All blocks have `block_pages` pages, but for the last.
  SnapshotProof(std::uint32_t page_size, PageNo block_pages, Seq first_as_of);

  // Blocks in order. `contents` as in SnapshotPages; `exist`: pages beyond were no pages then.
  void add_block(Seq as_of, PageNo first, ByteView contents, PageNo exist);
  // After all blocks: the parts of the records behind first_as_of, in order. False: no such part
  // can be behind these pages.
  [[nodiscard]] bool add_part(const RecordPart& part);
  [[nodiscard]] bool is_right(PageNo page_count, StateSum sum);

 private:
  [[nodiscard]] Seq as_of(PageNo page) const;
  [[nodiscard]] bool may_exist(PageNo page) const;

  std::uint32_t page_size_;
  PageNo block_pages_;
  Seq first_as_of_;
  PageNo pages_ = 0;  // in blocks
  std::vector<Seq> as_of_;
  PageHashes hashes_;
};

}  // namespace understudy
