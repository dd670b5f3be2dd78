// Applying records: feed, prove, write, publish.
#include "common/core/assert.h"
#include "common/core/errors.h"
#include "common/record/delta.h"
#include "common/record/page_hash.h"
#include "common/replica/replica.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {

using Outcome = FeedResult::Outcome;

constexpr PageNo kLargestGrowth = 1u << 22;  // pages that one change may lie beyond the end

FeedResult Replica::fail(std::string reason, PageNo page) {
  failed_ = true;
  hashes_true_ = false;
  return {Outcome::diverged, std::move(reason), page};
}

FeedResult Replica::feed(const RecordPart& part) {
  US_ASSERT(located_ && !failed_, "only a replica that knows its position applies records");
  US_ASSERT(!prepared_, "a prepared commit is published or abandoned before more is fed");
  if (auto checked = check_header(part.header); !checked.is_accepted()) return checked;
  for (const auto& change : part.changes) {
    if (auto applied = apply_change(change); !applied.is_accepted()) return applied;
  }
  if (part.header.last) return end_record(part.header);
  ++next_part_;
  return {};
}

FeedResult Replica::check_header(const PartHeader& header) {
  const PartKey key{header.seq, header.part};
  if (key < expected()) return {Outcome::duplicate, {}, 0};
  if (key > expected()) return {Outcome::gap, {}, 0};
  if (header.page_size != page_size()) {
    return fail(fmt::format("record {} has pages of {} bytes, the replica of {}", header.seq,
                            header.page_size, page_size()));
  }
  if (header.epoch < pending_.epoch) {
    return fail(fmt::format("record {} is of epoch {}, the replica of epoch {}", header.seq,
                            header.epoch, pending_.epoch));
  }
  if (header.sum_before != pending_.sum) {
    return fail(fmt::format("record {} starts from state {}, the replica is at {}", header.seq,
                            hex(header.sum_before), pending_.to_string()));
  }
  return {};
}

FeedResult Replica::apply_change(const PageChange& change) {
  const auto page = change.page;
  if (page == 0 || page == lock_byte_page(page_size())) {
    return fail(
        fmt::format("record {} changes page {}, which holds no content", expected().seq, page),
        page);
  }
  if (overlay_.must_flush()) {
    if (auto written = write_dirty_pages(); !written.is_accepted()) return written;
  }
  auto slot = overlay_.find(page);
  const bool is_new = slot == PageOverlay::kNone;
  if (is_new) slot = overlay_.insert(page);
  const auto content = overlay_.content(slot);
  if (change.encoding == PageEncoding::whole) {
    if (change.body.size() != content.size()) {
      return fail(fmt::format("record {} has page {} in a wrong size", expected().seq, page), page);
    }
    std::copy(change.body.begin(), change.body.end(), content.begin());
  } else {
    if (is_new) read_pending_page(page, content);
    if (!apply_delta(content, change.body)) {
      return fail(fmt::format("record {}: the delta of page {} does not fit", expected().seq, page),
                  page);
    }
  }
  overlay_.mark_dirty(slot);
  hashes_.set(page, change.hash);
  return {};
}

// A page that the table does not know is one that does not exist yet: what files hold at its place
// is left from before the database shrank.
void Replica::read_pending_page(PageNo page, std::span<std::byte> out) {
  if (hashes_.get(page) == 0) {
    std::fill(out.begin(), out.end(), std::byte{0});
  } else {
    appender_.read_newest(page, out);
  }
}

FeedResult Replica::end_record(const PartHeader& header) {
  if (header.page_count == 0) {
    return fail(fmt::format("record {} leaves no page", header.seq));
  }
  if (header.page_count < std::max(pending_count_, hashes_.page_count())) {
    overlay_.drop_beyond(header.page_count);
    lowest_count_ = std::min(lowest_count_, header.page_count);
  }
  hashes_.resize(header.page_count);
  if (hashes_.sum() != header.sum_after) {
    return fail(fmt::format("record {} must end in state {}, but leads to {}", header.seq,
                            hex(header.sum_after), hex(hashes_.sum())));
  }
  pending_ = {header.epoch, header.seq, header.sum_after};
  pending_count_ = header.page_count;
  next_part_ = 0;
  return {};
}

bool Replica::should_commit_before(const PartHeader& next) const {
  if (!at_boundary() || pending_.seq == position_.seq) return false;
  const bool is_long = next.part == 0 && !next.last;
  return is_long || appender_.has_uncommitted() || overlay_.must_flush();
}

// Proves the dirty pages and appends them; they stay in the overlay, clean.
FeedResult Replica::write_dirty_pages() {
  const auto slots = overlay_.dirty_slots();
  for (const auto slot : slots) {
    const auto page = overlay_.page(slot);
    if (hash_page(page, overlay_.content(slot)) != hashes_.get(page)) {
      return fail(fmt::format("page {} is not what records up to {} made of it: its former content "
                              "here is damaged, or not the primary's",
                              page, expected().seq),
                  page);
    }
  }
  if (!slots.empty() && !appender_.has_uncommitted()) appender_.begin_commit(position_);
  for (const auto slot : slots) appender_.append(overlay_.page(slot), overlay_.content(slot));
  overlay_.mark_all_clean();
  return {};
}

FeedResult Replica::prepare() {
  US_ASSERT(located_ && !failed_ && !prepared_ && at_boundary(),
            "a commit consists of whole, proved records");
  if (auto written = write_dirty_pages(); !written.is_accepted()) return written;
  if (!appender_.has_uncommitted() && pending_count_ != page_count()) {
    // Only the size changes: that needs a commit frame, of a page that always exists.
    read_committed_page(1, page_);
    appender_.begin_commit(position_);
    appender_.append(1, page_);
  }
  appender_.flush();
  prepared_ = true;
  return {};
}

void Replica::publish() {
  US_ASSERT(prepared_, "only a proved commit becomes visible");
  appender_.publish(pending_, pending_count_);
  position_ = pending_;
  lowest_count_ = pending_count_;
  prepared_ = false;
}

void Replica::abandon() {
  if (located_ && !failed_) restore_pending_hashes();
  hashes_true_ = hashes_true_ && !failed_;
  forget_pending();
  if (hashes_true_ && located_ && hashes_.sum() != position_.sum) {
    throw CorruptionError(options_.path + ": pages do not add up to " + position_.to_string() +
                          " after a record was taken back");
  }
}

void Replica::forget_pending() {
  overlay_.clear();
  appender_.abandon();
  pending_ = position_;
  pending_count_ = lowest_count_ = page_count();
  next_part_ = 0;
  prepared_ = false;
}

// The pages that are pending are known from the overlay and from the frames that were appended, so
// that no undo list has to grow with a record.
void Replica::restore_pending_hashes() {
  const auto count = page_count();
  const auto restore = [&](PageNo page) {
    if (page <= count) rehash_committed(page);
  };
  hashes_.resize(count);
  for (const auto slot : overlay_.dirty_slots()) restore(overlay_.page(slot));
  for (auto frame = appender_.committed().last_frame + 1; frame <= appender_.appended(); ++frame) {
    restore(appender_.uncommitted_page(frame));
  }
  for (auto page = lowest_count_ + 1; page <= count; ++page) restore(page);
}

}  // namespace understudy
