#include "common/record/batch_cut.h"

#include "common/record/record.h"

namespace understudy {
namespace {

// What the header says of the parts that stay.
void count_in(const PartHeader& part, bool is_first, BatchHeader& header) {
  if (is_first) {
    header.first = {part.seq, part.part};
    header.sum_before = header.sum_after = part.sum_before;
    header.records = 0;
  }
  header.last = {part.seq, part.part};
  header.closed = part.last;
  header.time_us = part.time_us;
  if (!part.last) return;
  ++header.records;
  header.sum_after = part.sum_after;
}

}  // namespace

std::optional<Bytes> cut_batch(const BatchView& batch, PartKey from, Seq until) {
  Bytes raw;
  if (!batch.unpack(raw)) return std::nullopt;
  BatchHeader header = batch.header;
  std::size_t begin = 0, end = 0;  // of what stays
  ByteView rest = raw;
  RecordPart part;
  while (!rest.empty()) {
    const auto start = raw.size() - rest.size();
    if (!decode_part(rest, part)) return std::nullopt;
    if (PartKey{part.header.seq, part.header.part} < from) continue;
    if (part.header.seq > until) break;
    if (end == 0) begin = start;
    count_in(part.header, end == 0, header);
    end = raw.size() - rest.size();
  }
  if (end == 0 || header.first != from) return std::nullopt;
  header.raw_bytes = static_cast<std::uint32_t>(end - begin);
  return encode_batch(header, ByteView(raw).subspan(begin, end - begin));
}

}  // namespace understudy
