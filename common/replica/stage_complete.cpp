// From groups of different times to one proved state.
#include "common/core/assert.h"
#include "common/core/errors.h"
#include "common/record/delta.h"
#include "common/record/page_hash.h"
#include "common/replica/stage.h"

#include <algorithm>

namespace understudy {

Stage::Completion Stage::complete(LogReader& log) {
  US_ASSERT(groups_done_ == group_count(), "all groups come first");
  if (log.bounds().last.seq < latest_.seq) return Completion::records_missing;
  // The answers may be of a history that the primary has taken back since; the log is what counts.
  const auto on_record = log.position_at(latest_.seq);
  if (!on_record) return Completion::records_lost;
  if (*on_record != latest_) return Completion::mismatch;
  // From the outline on, not from the earliest answer: a page that was made in between is in no
  // group, so only its record has it.
  if (earliest() < latest_.seq) {
    overlay_ = std::make_unique<PageOverlay>(page_size(), options_.overlay_bytes);
    const auto walked = walk_log(log, earliest(), latest_.seq,
                                 [&](const RecordPart& part) { return apply_part(part); });
    if (walked == LogWalk::stopped) return Completion::mismatch;
    if (walked != LogWalk::complete) return Completion::records_lost;
    const bool is_right = write_dirty_pages();
    overlay_.reset();
    if (!is_right) return Completion::mismatch;
  }
  hashes_.resize(page_count_);
  proved_ = hashes_.recount() == latest_.sum;
  return proved_ ? Completion::proved : Completion::mismatch;
}

// Pages beyond the groups did not exist when the resync began: records made them, wholly.
Seq Stage::as_of(PageNo page) const {
  if (page > outline_.page_count) return outline_.position.seq;
  return as_of_[(page - 1) / group_pages_];
}

// False: so far beyond the end that the record must be damaged; the table would grow without bound.
bool Stage::may_exist(PageNo page) const {
  constexpr PageNo kLargestGrowth = 1u << 22;
  return page != 0 && page != lock_byte_page(page_size()) &&
         page - 1 <= std::uint64_t{hashes_.page_count()} + kLargestGrowth;
}

bool Stage::apply_part(const RecordPart& part) {
  if (part.header.page_size != page_size()) return false;
  for (const auto& change : part.changes) {
    if (!may_exist(change.page)) return false;
    if (as_of(change.page) < part.header.seq && !apply_change(change)) return false;
  }
  if (part.header.last && part.header.page_count < hashes_.page_count()) {
    // Pages of groups that were read later may lie beyond and exist again: they keep their hash.
    for (auto page = part.header.page_count + 1; page <= hashes_.page_count(); ++page) {
      if (as_of(page) < part.header.seq) hashes_.set(page, 0);
    }
  }
  return true;
}

bool Stage::apply_change(const PageChange& change) {
  if (overlay_->must_flush() && !write_dirty_pages()) return false;
  auto slot = overlay_->find(change.page);
  const bool is_new = slot == PageOverlay::kNone;
  if (is_new) slot = overlay_->insert(change.page);
  const auto content = overlay_->content(slot);
  if (change.encoding == PageEncoding::whole) {
    if (change.body.size() != content.size()) return false;
    std::copy(change.body.begin(), change.body.end(), content.begin());
  } else {
    if (is_new) load_page(change.page, content);
    if (!apply_delta(content, change.body)) return false;
  }
  overlay_->mark_dirty(slot);
  hashes_.set(change.page, change.hash);
  return true;
}

void Stage::load_page(PageNo page, std::span<std::byte> out) {
  if (hashes_.get(page) == 0) {
    std::fill(out.begin(), out.end(), std::byte{0});
  } else if (is_staged(page)) {
    if (file_->read(offset_of(page), out) != out.size()) {
      throw IoError("read a staged page of", file_->path(), 0);
    }
  } else {
    US_ASSERT(local_ != nullptr, "a page that was not sent is equal in the replica");
    local_->read_committed_page(page, out);
  }
}

bool Stage::write_dirty_pages() {
  for (const auto slot : overlay_->dirty_slots()) {
    const auto page = overlay_->page(slot);
    const auto content = overlay_->content(slot);
    // Dropped by a later shrink: nothing to keep.
    if (hashes_.get(page) == 0) continue;
    if (hash_page(page, content) != hashes_.get(page)) return false;
    file_->write(offset_of(page), content);
    set_staged(page);
  }
  overlay_->mark_all_clean();
  return true;
}

void Stage::read_page(PageNo page, std::span<std::byte> out) {
  load_page(page, out);
  if (hash_page(page, out) != hashes_.get(page)) {
    throw CorruptionError(file_->path() + ": page " + std::to_string(page) +
                          " changed since it was proved");
  }
}

}  // namespace understudy
