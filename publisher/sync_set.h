// SyncSet: whose confirmations count, where a lease decides who takes over: every commit that is
// acknowledged is on each standby of the set that is on record in the lease store, so that
// whichever of them takes over has it (docs/decisions/0021-lease.md).
//
// Invariants
//  - Acknowledged is what all of the recorded set have, and, while another set is proposed, all of
//    that one, too: whichever of the two stands in the store, the promise holds.
//  - A standby is proposed only once it has all that may have been acknowledged before.
//  - A proposal stays the same until it is on record.
//  - Commits go on alone (degraded) only while that is on record.
//
// Pure but for its mutex; any thread. Time is monotonic microseconds.
#pragma once

#include "common/core/types.h"

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace understudy {

// As it stands in the lease store, or should.
struct SyncMembers {
  std::size_t count = 0;             // standbys that a commit waits for
  std::vector<std::string> members;  // ascending
  bool is_degraded = false;
  bool operator==(const SyncMembers&) const = default;
};

class SyncSet {
 public:
  // `inherited`: on record from the tenure before; this node may be among them.
  SyncSet(std::string self, std::size_t count, std::vector<std::string> inherited);

  // A session begins: all up to `durable` may have been acknowledged by an earlier one.
  void begin(Seq durable);
  // The standbys that are heard of, one a name, and how far each is; `durable` is how far this node
  // is. Returns what all who count have.
  [[nodiscard]] Seq acknowledge(const std::vector<std::pair<std::string, Seq>>& heard, Seq durable,
                                std::int64_t now_us);
  void want_degraded(bool wants);
  [[nodiscard]] bool is_degraded_on_record() const;

  // What is to be put on record; the same for as long as nothing changes.
  [[nodiscard]] SyncMembers wish() const;
  // It is.
  void on_recorded(const SyncMembers& recorded);

 private:
  using Heard = std::vector<std::pair<std::string, Seq>>;
  [[nodiscard]] std::optional<Seq> least_of(const std::vector<std::string>& members,
                                            const Heard& heard) const;
  void propose(const Heard& heard, Seq durable, std::int64_t now_us);

  const std::string self_;
  const std::size_t count_;

  mutable std::mutex mutex_;  // guards what follows
  bool is_recorded_ = false;  // in this tenure
  std::vector<std::string> members_;
  std::optional<std::vector<std::string>> proposed_;
  bool wants_degraded_ = false;
  bool is_degraded_ = false;  // on record
  Seq floor_ = 0;             // may have been acknowledged
  Seq acknowledged_ = 0;      // as last answered
  std::int64_t stuck_since_us_ = 0;
};

}  // namespace understudy
