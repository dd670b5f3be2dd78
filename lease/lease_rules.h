// LeaseRules: what the operator chose, and the times that follow from the ttl. All of a cluster's
// nodes should be given the same ttl; the holder's counts (it is in its record).
//
// The timeline of one renewal, sent at s by the holder's clock (docs/decisions/0021-lease.md):
//   s + ttl/3            the next renewal is sent; while none succeeds, again each retry
//   s + ttl/2            peers are asked to promise (failsafe)
//   s + ttl − margin     the application is fenced
//   s + ttl              the holder stands down
// An observer has seen that renewal at a ≥ s, and takes the lease at a + ttl by its own clock or
// later. The margin is what clocks may differ in rate over one ttl, and what the fence may take.
#pragma once

#include "common/core/types.h"

#include <algorithm>

namespace understudy {

constexpr std::int64_t kLeastTtl_us = 5'000'000;
constexpr std::int64_t kDefaultTtl_us = 10'000'000;
constexpr Seq kDefaultMaxLag = 1000;

struct LeaseRules {
  std::string node;
  std::uint64_t process = 0;
  std::int64_t ttl_us = kDefaultTtl_us;
  // Tags of this node.
  bool nofailover = false;
  bool noloadbalance = false;
  std::int64_t priority = 0;
  // Transactions that a standby may lack of what the primary last published.
  Seq max_lag = kDefaultMaxLag;
  // For negative controls: tests alone set them.
  std::int64_t margin_us = -1;
  bool counts_from_answer = false;  // the deadline, and not from before it was asked

  [[nodiscard]] std::int64_t margin() const {
    return margin_us >= 0 ? margin_us : std::max<std::int64_t>(1'000'000, ttl_us / 6);
  }
  // A node that hangs cannot fence, so its service manager ends it, and its application with it,
  // within the margin: it is missed for as long as the lease thread's silence is borne, then for a
  // watchdog; a quarter of the margin is left for the ending.
  [[nodiscard]] std::int64_t watchdog() const { return margin() / 2; }
  [[nodiscard]] std::int64_t thread_patience() const { return margin() / 4; }
  [[nodiscard]] std::int64_t poll() const {
    return std::clamp<std::int64_t>(ttl_us / 20, 100'000, 500'000);
  }
  [[nodiscard]] std::int64_t retry() const { return poll(); }
  // How long each standby waits for every better one.
  [[nodiscard]] std::int64_t step() const {
    return std::clamp<std::int64_t>(ttl_us / 8, 300'000, 1'000'000);
  }
  // A member that has said nothing for so long is passed over by the next record.
  [[nodiscard]] std::int64_t listed_for() const {
    return std::max<std::int64_t>(60'000'000, 6 * ttl_us);
  }
};

}  // namespace understudy
