#include "tests/simulation/toy_batches.h"

#include <algorithm>

namespace understudy::sim {

std::vector<Bytes> ToyBatches::cut_some(const StreamId& stream, Chance& chance) {
  if (pending_.empty()) return {};
  return cut(stream, chance, 1 + chance.below(pending_.size()));
}

std::vector<Bytes> ToyBatches::cut_all(const StreamId& stream, Chance& chance) {
  return cut(stream, chance, pending_.size());
}

std::vector<Bytes> ToyBatches::cut(const StreamId& stream, Chance& chance, std::size_t left) {
  std::vector<Bytes> blobs;
  while (left > 0 && !pending_.empty()) {
    const auto before = pending_.size();
    blobs.push_back(cut_batch_of(stream, 1 + chance.below(left)));
    left -= std::min<std::size_t>(left, before - pending_.size());
  }
  return blobs;
}

Bytes ToyBatches::cut_batch_of(const StreamId& stream, std::size_t parts) {
  BatchHeader header;
  header.stream = stream;
  header.epoch = pending_.front().header.epoch;
  header.first = {pending_.front().header.seq, pending_.front().header.part};
  header.sum_before = header.sum_after = pending_.front().header.sum_before;
  Bytes raw;
  for (; parts > 0 && !pending_.empty(); --parts) {
    const auto& part = pending_.front();
    if (part.header.epoch != header.epoch) break;
    raw.insert(raw.end(), part.encoded.begin(), part.encoded.end());
    header.last = {part.header.seq, part.header.part};
    header.closed = part.header.last;
    header.time_us = part.header.time_us;
    if (part.header.last) {
      ++header.records;
      header.sum_after = part.header.sum_after;
    }
    pending_.pop_front();
  }
  header.raw_bytes = static_cast<std::uint32_t>(raw.size());
  return encode_batch(header, raw);
}

}  // namespace understudy::sim
