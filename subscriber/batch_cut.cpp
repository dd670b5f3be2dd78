#include "subscriber/batch_cut.h"

#include "common/record/record.h"

namespace understudy {

std::optional<Bytes> cut_batch(const BatchView& batch, PartKey from) {
  Bytes raw;
  if (!batch.unpack(raw)) return std::nullopt;
  BatchHeader header = batch.header;
  header.records = 0;
  ByteView at = raw;
  ByteView rest;
  RecordPart part;
  while (!at.empty()) {
    const ByteView start = at;
    if (!decode_part(at, part)) return std::nullopt;
    if (PartKey{part.header.seq, part.header.part} < from) continue;
    if (rest.empty()) {
      rest = start;
      header.first = {part.header.seq, part.header.part};
      header.sum_before = part.header.sum_before;
    }
    if (part.header.last) ++header.records;
  }
  if (rest.empty() || header.first != from) return std::nullopt;
  if (header.records == 0) header.sum_after = header.sum_before;
  header.raw_bytes = static_cast<std::uint32_t>(rest.size());
  return encode_batch(header, rest);
}

}  // namespace understudy
