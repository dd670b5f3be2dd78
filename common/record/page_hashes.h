// PageHashes: the hash of every page of one state, 8 bytes a page, and their sum.
//
// Kept in memory; saved now and then to a file (`page-hashes` in the state directory) that names
// the seq it stands for. Invariant: what the file holds is the table of its seq, or that table
// partly moved on by later records. Rolling every record after that seq over it is idempotent
// (each entry takes its last value), so the true table is always found again from file and log;
// the sum on record proves it.  One thread at a time.
#pragma once

#include "common/core/types.h"

#include <deque>
#include <string>

namespace understudy {

class File;

class PageHashes {
 public:
  PageHashes() = default;
  explicit PageHashes(std::uint32_t page_size) : page_size_(page_size) {}

  [[nodiscard]] std::uint32_t page_size() const { return page_size_; }
  [[nodiscard]] PageNo page_count() const { return page_count_; }
  [[nodiscard]] StateSum sum() const { return sum_; }
  // 0 for a page beyond the end, the lock-byte page, and one not known yet.
  [[nodiscard]] PageHash get(PageNo page) const;
  void set(PageNo page, PageHash hash);  // grows the table when needed
  void resize(PageNo page_count);        // drops, or adds unknown (0) entries

  // Sum of the table as computed anew from all entries; equals sum() unless memory is damaged.
  [[nodiscard]] StateSum recount() const;

  // Writes the entries changed since the last save, syncs, then the header with `seq`, syncs.
  // Format: schemas/page-hashes.md. Throws IoError; the file is then still usable.
  void save(const std::string& path, const StreamId& stream, Seq seq, const std::string& vfs = {});

  struct Loaded;
  // nullopt: no file, of another stream or version, or damaged.
  static std::optional<Loaded> load(const std::string& path, const StreamId& stream,
                                    const std::string& vfs = {});

 private:
  // The table lies in memory as it does in the file: blocks of 4 KiB, the last word of each its
  // checksum. A deque grows without moving them, so growth never needs the memory twice.
  static constexpr PageNo kBlockEntries = 511;
  using Block = std::array<std::uint64_t, kBlockEntries + 1>;

  static std::size_t block_of(PageNo page) { return (page - 1) / kBlockEntries; }
  static std::size_t blocks_for(PageNo page_count);
  PageHash& entry(PageNo page) { return blocks_[block_of(page)][(page - 1) % kBlockEntries]; }
  void write_dirty_blocks(File& file);
  void write_header(File& file, const StreamId& stream, Seq seq);
  bool read_blocks(const File& file);
  void clear_beyond_end();

  std::uint32_t page_size_ = 0;
  PageNo page_count_ = 0;
  std::deque<Block> blocks_;
  StateSum sum_ = 0;
  std::vector<bool> dirty_blocks_;    // since the last save
  std::uint64_t saved_checksum_ = 0;  // of the header in the file that the others are dirty against
};

struct PageHashes::Loaded {
  PageHashes table;
  Seq seq = 0;
};

}  // namespace understudy
