#include "common/backend/roll_forward.h"

#include "common/record/record.h"

namespace understudy {
namespace {

constexpr std::size_t kReadBytes = 1024 * 1024;

// Applies the hashes of one part. False: it belongs to another page size.
bool apply_part(const RecordPart& part, PageHashes& table) {
  if (part.header.page_size != table.page_size()) return false;
  for (const auto& change : part.changes) table.set(change.page, change.hash);
  if (part.header.last) table.resize(part.header.page_count);
  return true;
}

// Applies the parts of a batch that lie in (after, to]. False: undecodable, or another page size.
bool apply_batch(const BatchView& batch, Seq after, Seq to, PageHashes& table) {
  Bytes raw;
  if (!batch.unpack(raw)) return false;
  ByteView rest(raw);
  RecordPart part;
  while (!rest.empty()) {
    if (!decode_part(rest, part)) return false;
    if (part.header.seq <= after || part.header.seq > to) continue;
    if (!apply_part(part, table)) return false;
  }
  return true;
}

}  // namespace

bool roll_forward(PageHashes& table, Seq from, Seq to, StateSum sum, LogReader& log) {
  PartKey next{from + 1, 0};
  while (next.seq <= to) {
    const auto blobs = log.read(next, kReadBytes);
    if (blobs.empty()) return false;
    for (const auto& blob : blobs) {
      const auto batch = BatchView::parse(blob);
      if (!batch || batch->header.first > next || batch->header.last < next) return false;
      if (!apply_batch(*batch, from, to, table)) return false;
      next = batch->header.next();
    }
  }
  return table.sum() == sum;
}

}  // namespace understudy
