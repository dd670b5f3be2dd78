#include "tests/simulation/toy_log.h"

#include <fmt/format.h>

namespace understudy::sim {

ToyLog::ToyLog(const StreamId& stream, const Position& base, const History& history)
    : stream_(stream) {
  reset(base, history);
}

void ToyLog::reset(const Position& base, const History& history) {
  auto fitting = up_to(history, base);
  if (!fitting) throw Broken("a log began at a position that is not in its history");
  history_ = std::move(*fitting);
  batches_.clear();
  bounds_ = {base, base, {base.seq + 1, 0}, 0, 0};
  positions_ = {{base.seq, base}};
}

void ToyLog::append(Bytes blob) {
  const auto batch = BatchView::parse(blob);
  if (!batch) throw Broken("appended bytes are no batch");
  const auto& header = batch->header;
  if (header.stream != stream_) throw Broken("appended a batch of another stream");
  if (header.first != bounds_.next || header.sum_before != bounds_.last.sum) {
    throw Broken(fmt::format("appended {}.{} where {}.{} was due, or sums differ", header.first.seq,
                             header.first.part, bounds_.next.seq, bounds_.next.part));
  }
  PartKey next = bounds_.next;
  for_each_part(blob, [&](const RecordPart& part) {
    if (PartKey{part.header.seq, part.header.part} != next) throw Broken("a hole within a batch");
    if (part.header.sum_before != bounds_.last.sum) throw Broken("sums do not chain");
    const bool rises = part.header.epoch > history_.back().epoch;
    if (rises != part.opening.has_value()) throw Broken("an epoch rose without its record");
    if (rises) history_.push_back(epoch_start(part));
    next.part += 1;
    if (!part.header.last) return;
    next = {next.seq + 1, 0};
    bounds_.last = {part.header.epoch, part.header.seq, part.header.sum_after};
    positions_[bounds_.last.seq] = bounds_.last;
  });
  if (next != header.next()) throw Broken("a batch ends elsewhere than its header says");
  bounds_.next = next;
  batches_.push_back({header, std::move(blob)});
}

// Cuts the last batch when the seq is inside it: all parts of later records go.
void ToyLog::cut_back_to(Seq seq) {
  while (!batches_.empty() && batches_.back().header.first.seq > seq) batches_.pop_back();
  if (!batches_.empty() && batches_.back().header.last.seq > seq) {
    const auto old = std::move(batches_.back());
    batches_.pop_back();
    Bytes raw;
    Bytes kept;
    static_cast<void>(BatchView::parse(old.blob)->unpack(raw));
    BatchHeader header = old.header;
    header.records = 0;
    ByteView at = raw;
    RecordPart part;
    while (true) {
      const ByteView start = at;
      if (!decode_part(at, part) || part.header.seq > seq) break;
      kept.insert(kept.end(), start.begin(), start.end() - static_cast<std::ptrdiff_t>(at.size()));
      header.last = {part.header.seq, part.header.part};
      header.sum_after = part.header.sum_after;
      header.records += part.header.last ? 1 : 0;
      if (at.empty()) break;
    }
    header.closed = true;
    header.raw_bytes = static_cast<std::uint32_t>(kept.size());
    auto blob = encode_batch(header, kept);
    batches_.push_back({BatchView::parse(blob)->header, std::move(blob)});
  }
  positions_.erase(positions_.upper_bound(seq), positions_.end());
  bounds_.last = positions_.rbegin()->second;
  bounds_.next = {bounds_.last.seq + 1, 0};
}

void ToyLog::drop_open_tail() {
  if (bounds_.next.part > 0) cut_back_to(bounds_.last.seq);
}

void ToyLog::rewind(Seq seq) {
  cut_back_to(seq);
  history_ = up_to(history_, bounds_.last).value();
}

void ToyLog::trim(std::size_t batches, Seq keep_after) {
  for (; batches > 0 && !batches_.empty(); --batches) {
    const auto& header = batches_.front().header;
    if (!header.closed || header.last.seq > keep_after) return;
    bounds_.base = positions_.at(header.last.seq);
    positions_.erase(positions_.begin(), positions_.lower_bound(header.last.seq));
    batches_.pop_front();
  }
}

std::vector<Bytes> ToyLog::read(PartKey from, std::size_t max_bytes) const {
  std::vector<Bytes> blobs;
  std::size_t bytes = 0;
  for (const auto& stored : batches_) {
    if (stored.header.next() <= from) continue;
    if (stored.header.first > from && blobs.empty()) break;  // trimmed
    if (!blobs.empty() && bytes + stored.blob.size() > max_bytes) break;
    bytes += stored.blob.size();
    blobs.push_back(stored.blob);
  }
  return blobs;
}

std::optional<Position> ToyLog::position_at(Seq seq) const {
  const auto found = positions_.find(seq);
  if (found == positions_.end()) return std::nullopt;
  return found->second;
}

}  // namespace understudy::sim
