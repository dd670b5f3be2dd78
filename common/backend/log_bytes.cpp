#include "common/backend/log_bytes.h"

#include <algorithm>

namespace understudy {

void LogBytes::begin(const LogBounds& bounds) {
  notes_ = {{bounds.base.seq, 0}};
  if (bounds.last.seq > bounds.base.seq) {
    notes_.push_back({bounds.last.seq, static_cast<double>(bounds.bytes)});
  }
}

void LogBytes::note(const LogBounds& bounds, std::uint64_t appended) {
  // The first one, or the log was taken back: it says by itself how large it is.
  if (notes_.empty() || bounds.last.seq < notes_.back().seq) return begin(bounds);
  const double total = notes_.back().total + static_cast<double>(appended);
  if (bounds.last.seq == notes_.back().seq) {
    notes_.back().total = total;
    return;
  }
  if (notes_.size() == kNotes) {
    for (std::size_t i = 1; 2 * i < kNotes; ++i) notes_[i] = notes_[2 * i];
    notes_.resize(kNotes / 2);
  }
  notes_.push_back({bounds.last.seq, total});
}

double LogBytes::mean() const {
  if (notes_.size() < 2) return 0;
  const auto& first = notes_.front();
  const auto& last = notes_.back();
  return (last.total - first.total) / static_cast<double>(last.seq - first.seq);
}

double LogBytes::total_at(Seq seq) const {
  const auto next = std::ranges::upper_bound(notes_, seq, {}, &Note::seq);
  if (next == notes_.begin()) {  // from before the first note
    return notes_.front().total - mean() * static_cast<double>(notes_.front().seq - seq);
  }
  const auto& before = *(next - 1);
  if (next == notes_.end()) return before.total;
  const double share =
      static_cast<double>(seq - before.seq) / static_cast<double>(next->seq - before.seq);
  return before.total + share * (next->total - before.total);
}

std::uint64_t LogBytes::after(Seq seq) const {
  if (notes_.empty() || seq >= notes_.back().seq) return 0;
  return static_cast<std::uint64_t>(std::max(0.0, notes_.back().total - total_at(seq)));
}

std::uint64_t LogBytes::estimate(std::uint64_t records) const {
  return static_cast<std::uint64_t>(mean() * static_cast<double>(records));
}

}  // namespace understudy
