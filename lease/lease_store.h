// LeaseStore: a store that several nodes see alike, where the lease lives. etcd_store.h is one.
//
// What it must keep: every operation takes effect at one instant between its call and its return
// (linearizable), or, when it throws, at one instant after its call, or never. A leader's record is
// acquired, renewed, handed over and released by the one operation that compares and swaps it; the
// store's own clock, if it has one, is not relied upon.
//
// Each call blocks for a bounded time. One thread at a time.
#pragma once

#include "lease/lease_record.h"

#include <stdexcept>
#include <variant>

namespace understudy {

// The store does not answer, or not as it should: nothing is known about what was asked of it.
class StoreUnreachable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The leader's record as it is after the swap, at that revision.
struct Swapped {
  std::int64_t revision = 0;
};
// Nothing was changed: another revision stands there (nullopt: none at all).
struct NotSwapped {
  std::int64_t revision = 0;  // of the store, when it was looked at
  std::optional<Versioned<LeaderRecord>> leader;
};
using SwapOutcome = std::variant<Swapped, NotSwapped>;

class LeaseStore {
 public:
  virtual ~LeaseStore() = default;
  // All of these throw StoreUnreachable, also when it answers what cannot be understood.
  [[nodiscard]] virtual LeaseView observe() = 0;
  // Acquire, renew, hand over, release: puts `record` where revision `expected` stands (0: none).
  [[nodiscard]] virtual SwapOutcome swap(const LeaderRecord& record, std::int64_t expected) = 0;
  virtual void publish(const MemberRecord& record) = 0;
  virtual void set_paused(bool is_paused) = 0;
};

}  // namespace understudy
