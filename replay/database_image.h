// DatabaseImage: a database file in the making: laid out from the blocks of a snapshot, moved on by
// records, proved.
//
// Invariants
//  - A record changes exactly those pages whose block is older than it
//  (common/snapshot/snapshot.h).
//  - From prove() on every record starts from the state that the file is, and leads to the one
//    that it names; each page that is written was compared with its hash.
//  - Memory: the overlay, and 8 bytes a page.
//
// One thread. Throws IoError (is_disk_full() tells a full disk), CorruptionError for what does not
// fit. The file is worth nothing until finish() has returned.
#pragma once

#include "common/file/file.h"
#include "common/record/page_hashes.h"
#include "common/record/record.h"
#include "common/replica/page_overlay.h"
#include "common/replica/write_behind.h"
#include "common/snapshot/snapshot.h"

#include <memory>
#include <string>
#include <vector>

namespace understudy {

class DatabaseImage {
 public:
  // Makes the file, or empties it. `first_as_of`: of the snapshot's oldest block.
  DatabaseImage(const std::string& path, std::uint32_t page_size, Seq first_as_of,
                std::size_t overlay_bytes = 16 * 1024 * 1024);
  ~DatabaseImage();

  // Blocks in order, without a hole. `hashes`: of their pages (hash_block()).
  void lay_out(const SnapshotPages& block, std::span<const PageHash> hashes);
  // The parts of the records behind first_as_of, in order.
  void apply(const RecordPart& part);
  // All pages are of this state now, with the records up to it applied.
  void prove(const Position& position, PageNo page_count);
  // The state after the last whole record. After prove().
  [[nodiscard]] const Position& position() const { return position_; }
  [[nodiscard]] PageNo page_count() const { return page_count_; }
  // Writes what is left, proves the whole once more, and syncs. The last call.
  void finish();

 private:
  [[nodiscard]] Seq as_of(PageNo page) const;
  void check_start(const PartHeader& header) const;
  void check_page(const PartHeader& header, PageNo page) const;
  void apply_change(const PartHeader& header, const PageChange& change);
  void load_page(PageNo page, std::span<std::byte> out);
  void end_record(const PartHeader& header);
  void drop_beyond(const PartHeader& header);
  void write_dirty_pages();
  void write(PageNo first, ByteView contents);
  [[noreturn]] void refuse(std::string_view what) const;

  std::string path_;
  std::uint32_t page_size_;
  Seq first_as_of_;
  std::unique_ptr<File> file_;
  std::unique_ptr<WriteBehind> write_behind_;
  PageOverlay overlay_;
  PageHashes hashes_;
  PageNo block_pages_ = 0;  // of all blocks but the last
  std::vector<Seq> as_of_;  // by block
  PageNo pages_ = 0;        // in blocks
  bool is_proved_ = false;
  Position position_;
  PageNo page_count_ = 0;
};

// The hash of each page of a block. Pure: it may be done ahead, on another thread.
[[nodiscard]] std::vector<PageHash> hash_block(const SnapshotPages& block, std::uint32_t page_size);

}  // namespace understudy
