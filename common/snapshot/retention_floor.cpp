#include "common/snapshot/retention_floor.h"

#include "common/logging/log.h"

#include <algorithm>

namespace understudy {

std::uint64_t trim_above_floor(Backend& backend, const RetentionPolicy& policy, Seq keep_after,
                               const RetentionFloors& floors) {
  const auto snapshot_floor = floors.snapshots;
  const auto dropped = backend.trim(policy, std::min(keep_after, floors.lowest()));
  const auto limit = policy.max_bytes > std::numeric_limits<std::uint64_t>::max() / 2
                         ? policy.max_bytes
                         : policy.max_bytes * 2;
  if (floors.lowest() >= keep_after || backend.bounds().bytes <= limit) return dropped;
  const auto had_floor = backend.bounds().base.seq <= snapshot_floor;
  const RetentionPolicy hard{.max_bytes = limit,
                             .max_age_us = std::numeric_limits<std::int64_t>::max() / 2};
  const auto more = backend.trim(hard, keep_after);
  if (more > 0 && had_floor && backend.bounds().base.seq > snapshot_floor) {
    log::warning("restore_gap",
                 "the queue reached twice --keep-bytes before the next snapshot was there: records "
                 "that the newest snapshot needs are dropped, and nothing later can be restored "
                 "until the next snapshot; a larger --keep-bytes or smaller --snapshot-every helps",
                 {{"snapshot_seq", snapshot_floor},
                  {"first_seq", backend.bounds().first_seq()},
                  {"keep_bytes", policy.max_bytes}});
  }
  return dropped + more;
}

}  // namespace understudy
