#include "common/backend/open_epoch.h"

#include "common/core/assert.h"
#include "common/core/clock.h"
#include "common/core/random_number.h"
#include "common/record/record.h"

#include <algorithm>

namespace understudy {
namespace {

std::string printable(std::string_view text, std::size_t limit) {
  std::string result(text.substr(0, limit));
  std::ranges::replace_if(
      result, [](char c) { return c < ' ' || c > '~'; }, '?');
  return result;
}

}  // namespace

EpochStart open_epoch(Backend& backend, const std::string& node, std::string_view reason,
                      ByteView cursor, std::uint32_t page_size, std::uint32_t page_count,
                      Epoch at_least) {
  const auto bounds = backend.bounds();
  US_ASSERT(bounds.next.part == 0, "an epoch begins between two records");
  const PartHeader header{.kind = RecordKind::epoch,
                          .epoch = std::max(bounds.last.epoch + 1, at_least),
                          .seq = bounds.next.seq,
                          .last = true,
                          .page_size = page_size,
                          .time_us = unix_time_us(),
                          .sum_before = bounds.last.sum,
                          .page_count = page_count,
                          .sum_after = bounds.last.sum};
  PartBuilder builder;
  builder.open_epoch(
      {printable(node, kNodeNameLimit), random_number(), printable(reason, kOpeningReasonLimit)});
  Bytes raw;
  builder.finish(header, raw);
  const Bytes blob = encode_batch({.stream = backend.stream(),
                                   .epoch = header.epoch,
                                   .first = {header.seq, 0},
                                   .last = {header.seq, 0},
                                   .closed = true,
                                   .records = 1,
                                   .sum_before = header.sum_before,
                                   .sum_after = header.sum_after,
                                   .time_us = header.time_us},
                                  raw);
  const auto batch = BatchView::parse(blob);
  US_ASSERT(batch.has_value(), "a batch just encoded is a batch");
  backend.append({&*batch, 1}, cursor);
  return backend.history().back();
}

}  // namespace understudy
