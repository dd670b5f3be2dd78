#include "publisher/join_batches.h"

namespace understudy {
namespace {

bool may_join(const PendingBatch& batch, const PendingBatch& next) {
  if (batch.raw.empty() || next.raw.empty()) return false;  // a cursor alone
  return batch.header.first.part == 0 && batch.header.closed && next.header.closed &&
         next.header.first == batch.header.next() && next.header.epoch == batch.header.epoch &&
         next.header.sum_before == batch.header.sum_after &&
         batch.raw.size() + next.raw.size() <= kJoinLimit;
}

void join(PendingBatch& batch, const PendingBatch& next) {
  if (next.cursor) batch.cursor = next.cursor;
  auto& header = batch.header;
  header.last = next.header.last;
  header.records += next.header.records;
  header.sum_after = next.header.sum_after;
  header.time_us = next.header.time_us;
  batch.raw.insert(batch.raw.end(), next.raw.begin(), next.raw.end());
}

}  // namespace

std::vector<PendingBatch> join_small(std::vector<PendingBatch> batches) {
  std::vector<PendingBatch> joined;
  for (auto& batch : batches) {
    if (!joined.empty() && may_join(joined.back(), batch)) {
      join(joined.back(), batch);
    } else {
      joined.push_back(std::move(batch));
    }
  }
  return joined;
}

}  // namespace understudy
