#include "tests/simulation/toy_replica.h"

namespace understudy::sim {

ToyReplica::Applied ToyReplica::apply_from(const ToyLog& log, std::uint64_t records) {
  const auto bounds = log.bounds();
  if (!shown_at_ || shown_at_->seq < bounds.base.seq || shown_at_->seq >= bounds.last.seq) {
    return Applied::nothing;
  }
  const Seq until = std::min(bounds.last.seq, shown_at_->seq + records);
  ToyPages pages = shown_;
  Position at = *shown_at_;
  bool right = true;
  for (const auto& blob : log.read({at.seq + 1, 0}, 1 << 20)) {
    for_each_part(blob, [&](const RecordPart& part) {
      const auto& header = part.header;
      if (header.seq <= shown_at_->seq || header.seq > until || !right) return;
      right = header.sum_before == at.sum;
      for (const auto& change : part.changes) right = right && apply_change(pages, change);
      if (!right || !header.last) return;
      pages.resize(header.page_count);
      at = {header.epoch, header.seq, header.sum_after};
      right = pages.sum() == at.sum;
    });
  }
  if (!right) return Applied::damaged;
  if (at.seq == shown_at_->seq) return Applied::nothing;
  shown_ = std::move(pages);
  shown_at_ = at;
  return Applied::some;
}

void ToyReplica::begin_stage(const StateOutline& outline) {
  Stage stage{outline, staged_or_shown(), {}};
  stage_ = std::move(stage);
}

std::vector<PageHash> ToyReplica::hashes(PageNo first, PageNo count) const {
  std::vector<PageHash> list;
  const auto& pages = staged_or_shown();
  for (PageNo page = first; page < first + count && pages.has(page); ++page) {
    list.push_back(pages.hash(page));
  }
  return list;
}

void ToyReplica::store(const PageAnswer& answer) {
  auto& pages = stage_->pages;
  for (std::size_t i = 0; i < answer.pages.size(); ++i) {
    const auto* from = answer.contents.data() + i * kToyPageSize;
    pages.set(answer.pages[i], Bytes(from, from + kToyPageSize));
  }
  stage_->groups[answer.first] = {answer.count, answer.as_of.seq};
}

Seq ToyReplica::Stage::as_of(PageNo page) const {
  const auto after = groups.upper_bound(page);
  if (after == groups.begin()) return outline.position.seq;
  const auto& [first, group] = *std::prev(after);
  return page < first + group.first ? group.second : outline.position.seq;
}

bool ToyReplica::finish_stage(const ToyLog& log, Seq min_seq, bool ignore_as_of) {
  const auto bounds = log.bounds();
  auto& stage = *stage_;
  auto& pages = stage.pages;
  Position at = stage.outline.position;
  // The outline may be of a history that the primary has lost since: only the log's word counts.
  if (log.position_at(at.seq) != at) return false;
  PageNo page_count = stage.outline.page_count;
  const auto is_right = [&] {
    if (at.seq < min_seq) return false;
    ToyPages whole = pages;
    whole.resize(page_count);
    return whole.sum() == at.sum;
  };
  bool done = is_right();
  bool sound = true;
  for (const auto& blob : log.read({at.seq + 1, 0}, 1 << 20)) {
    for_each_part(blob, [&](const RecordPart& part) {
      const auto& header = part.header;
      if (done || !sound || header.seq <= at.seq || header.seq > bounds.last.seq) return;
      for (const auto& change : part.changes) {
        if (stage.as_of(change.page) >= header.seq && !ignore_as_of) continue;
        sound = sound && apply_change(pages, change);
      }
      if (!header.last) return;
      at = {header.epoch, header.seq, header.sum_after};
      page_count = header.page_count;
      done = is_right();
    });
  }
  if (!done) return false;
  pages.resize(page_count);
  shown_ = pages;
  shown_at_ = at;
  stage_.reset();
  return true;
}

void ToyReplica::damage(Chance& chance) {
  if (!shown_at_ || shown_.count() == 0) return;
  const auto page = static_cast<PageNo>(1 + chance.below(shown_.count()));
  Bytes content = shown_.page(page);
  content[chance.below(content.size())] ^= std::byte{0x10};
  shown_.set(page, std::move(content));
}

void ToyReplica::roll_back(const Position& position, const ToyPages& pages) {
  shown_at_ = position;
  shown_ = pages;
}

}  // namespace understudy::sim
