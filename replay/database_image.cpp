#include "replay/database_image.h"

#include "common/core/assert.h"
#include "common/core/errors.h"
#include "common/record/delta.h"
#include "common/record/page_hash.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

constexpr PageNo kLargestGrowth = 1u << 22;  // pages that one change may lie beyond the end

}  // namespace

std::vector<PageHash> hash_block(const SnapshotPages& block, std::uint32_t page_size) {
  std::vector<PageHash> hashes(block.count);
  const ByteView contents(block.contents);
  for (PageNo i = 0; i < block.count; ++i) {
    const auto page = block.first + i;
    if (page == lock_byte_page(page_size)) continue;
    hashes[i] = hash_page(page, contents.subspan(std::size_t{i} * page_size, page_size));
  }
  return hashes;
}

DatabaseImage::DatabaseImage(const std::string& path, std::uint32_t page_size, Seq first_as_of,
                             std::size_t overlay_bytes)
    : path_(path),
      page_size_(page_size),
      first_as_of_(first_as_of),
      file_(std::make_unique<File>(path, File::Mode::create)),
      overlay_(page_size, overlay_bytes),
      hashes_(page_size) {
  file_->truncate(0);
  write_behind_ = std::make_unique<WriteBehind>(path, std::string{});
}

DatabaseImage::~DatabaseImage() = default;

void DatabaseImage::lay_out(const SnapshotPages& block, std::span<const PageHash> hashes) {
  US_ASSERT(!is_proved_ && block.first == pages_ + 1 && hashes.size() == block.count,
            "blocks come in order, before all records");
  if (block_pages_ == 0) block_pages_ = block.count;
  as_of_.push_back(block.as_of);
  if ((pages_ / block_pages_) + 1 != as_of_.size()) refuse("the blocks are of different sizes");
  pages_ += block.count;
  hashes_.resize(pages_);
  for (PageNo i = 0; i < block.count; ++i) hashes_.set(block.first + i, hashes[i]);
  write(block.first, block.contents);
}

// Pages beyond the blocks were made by records behind the first.
Seq DatabaseImage::as_of(PageNo page) const {
  return page > pages_ ? first_as_of_ : as_of_[(page - 1) / block_pages_];
}

void DatabaseImage::apply(const RecordPart& part) {
  const auto& header = part.header;
  if (is_proved_) check_start(header);
  for (const auto& change : part.changes) {
    check_page(header, change.page);
    if (as_of(change.page) < header.seq) apply_change(header, change);
  }
  if (header.last) end_record(header);
}

void DatabaseImage::check_start(const PartHeader& header) const {
  const bool follows = header.seq == position_.seq + 1 && header.epoch >= position_.epoch;
  if (follows && header.sum_before == position_.sum) return;
  refuse(fmt::format("record {} starts from state {}, and the database is at {}", header.seq,
                     hex(header.sum_before), position_.to_string()));
}

// So far beyond the end that the record must be damaged, the table would grow without bound.
void DatabaseImage::check_page(const PartHeader& header, PageNo page) const {
  if (header.page_size != page_size_) {
    refuse(fmt::format("record {} has pages of {} bytes, the snapshot of {}", header.seq,
                       header.page_size, page_size_));
  }
  const bool may_exist = page != 0 && page != lock_byte_page(page_size_) &&
                         page - 1 <= std::uint64_t{hashes_.page_count()} + kLargestGrowth;
  if (!may_exist)
    refuse(fmt::format("record {} changes page {}, which cannot be", header.seq, page));
}

void DatabaseImage::apply_change(const PartHeader& header, const PageChange& change) {
  if (overlay_.must_flush()) write_dirty_pages();
  auto slot = overlay_.find(change.page);
  const bool is_new = slot == PageOverlay::kNone;
  if (is_new) slot = overlay_.insert(change.page);
  const auto content = overlay_.content(slot);
  bool fits = true;
  if (change.encoding == PageEncoding::whole) {
    fits = change.body.size() == content.size();
    if (fits) std::ranges::copy(change.body, content.begin());
  } else {
    if (is_new) load_page(change.page, content);
    fits = apply_delta(content, change.body);
  }
  if (!fits) refuse(fmt::format("record {} does not fit page {}", header.seq, change.page));
  overlay_.mark_dirty(slot);
  hashes_.set(change.page, change.hash);
}

// Without a hash it does not exist yet, whatever the file holds at its place.
void DatabaseImage::load_page(PageNo page, std::span<std::byte> out) {
  if (hashes_.get(page) == 0) {
    std::ranges::fill(out, std::byte{0});
    return;
  }
  const auto offset = (std::uint64_t{page} - 1) * page_size_;
  if (file_->read(offset, out) != out.size()) throw IoError("read a page of", path_, 0);
}

void DatabaseImage::end_record(const PartHeader& header) {
  drop_beyond(header);
  if (!is_proved_) return;
  if (header.page_count == 0 || hashes_.sum() != header.sum_after) {
    refuse(fmt::format("record {} must end in state {}, and leads to {}", header.seq,
                       hex(header.sum_after), hex(hashes_.sum())));
  }
  position_ = {header.epoch, header.seq, header.sum_after};
  page_count_ = header.page_count;
}

// Before prove() pages of blocks that were read later may lie beyond, and exist again: they stay.
void DatabaseImage::drop_beyond(const PartHeader& header) {
  if (is_proved_) {
    if (header.page_count < hashes_.page_count()) overlay_.drop_beyond(header.page_count);
    hashes_.resize(header.page_count);
    return;
  }
  for (auto page = header.page_count + 1; page <= hashes_.page_count(); ++page) {
    if (as_of(page) >= header.seq) continue;
    hashes_.set(page, 0);
    const auto slot = overlay_.find(page);
    if (slot != PageOverlay::kNone) overlay_.remove(slot);
  }
}

void DatabaseImage::prove(const Position& position, PageNo page_count) {
  overlay_.drop_beyond(page_count);
  hashes_.resize(page_count);
  if (hashes_.recount() != position.sum) {
    refuse(fmt::format("the snapshot must lead to {}, and comes to {}", position.to_string(),
                       hex(hashes_.sum())));
  }
  position_ = position;
  page_count_ = page_count;
  is_proved_ = true;
}

void DatabaseImage::write_dirty_pages() {
  for (const auto slot : overlay_.dirty_slots()) {
    const auto page = overlay_.page(slot);
    const auto content = overlay_.content(slot);
    if (hash_page(page, content) != hashes_.get(page)) {
      refuse(fmt::format("page {} is not what the records made of it", page));
    }
    write(page, content);
  }
  overlay_.mark_all_clean();
}

void DatabaseImage::write(PageNo first, ByteView contents) {
  file_->write((std::uint64_t{first} - 1) * page_size_, contents);
  write_behind_->note_written(contents.size());
}

void DatabaseImage::finish() {
  US_ASSERT(is_proved_, "only a proved state is worth a name");
  write_dirty_pages();
  if (hashes_.page_count() != page_count_ || hashes_.recount() != position_.sum) {
    refuse(fmt::format("the pages do not add up to {}", position_.to_string()));
  }
  write_behind_.reset();
  file_->truncate(std::uint64_t{page_count_} * page_size_);
  file_->sync();
}

void DatabaseImage::refuse(std::string_view what) const {
  throw CorruptionError(fmt::format("nothing was restored: {}", what));
}

}  // namespace understudy
