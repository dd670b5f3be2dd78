// SyncSet: whose confirmations count, where a lease decides who takes over: every commit that is
// acknowledged is on each standby of the set that is on record in the lease store, so that
// whichever of them takes over has it (docs/decisions/0021-lease.md).
//
// Invariants
//  - Acknowledged is what all of the recorded set have, and, while another set is proposed, all of
//    that one, too: whichever of the two stands in the store, the promise holds.
//  - A standby is proposed only once it has all that may have been acknowledged before.
//  - A proposal stays the same until it is on record.
//  - Commits go on alone (degraded) only while that is on record. From the moment when it may stand
//    there until they do, and from when it may not any more, nothing is acknowledged: the record
//    says exactly what a standby that is not of the set must have to take over.
//
// Pure but for its mutex; any thread. Time is monotonic microseconds.
#pragma once

#include "common/core/types.h"
#include "common/node/sync_record.h"

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace understudy {

class SyncSet {
 public:
  // `inherited`: on record from the tenure before; this node may be among its members.
  SyncSet(std::string self, std::size_t count, const std::optional<SyncRecord>& inherited);

  // A session begins, whose commits wait: all up to `durable` may have been acknowledged by an
  // earlier one.
  void begin(Seq durable);
  // The standbys that are heard of, one a name, and how far each is; `durable` is how far this node
  // is. Returns what all who count have.
  [[nodiscard]] Seq acknowledge(const std::vector<std::pair<std::string, Seq>>& heard, Seq durable,
                                std::int64_t now_us);
  // Those are taken last: none of them would take over.
  void avoid(std::set<std::string> names);
  // Commits should go on alone, or wait again.
  void want_degraded(bool wants);
  [[nodiscard]] bool is_degraded_on_record() const;
  // They do from here on.
  void go_alone(bool is_alone);

  // What is to be put on record by who asks; the same for as long as nothing changes but what is
  // acknowledged. One asker: what it was told last may stand there from then on.
  [[nodiscard]] SyncRecord wish();
  // It is.
  void on_recorded(const SyncRecord& recorded);

 private:
  using Heard = std::vector<std::pair<std::string, Seq>>;
  [[nodiscard]] std::optional<Seq> least_of(const std::vector<std::string>& members,
                                            const Heard& heard) const;
  [[nodiscard]] std::size_t avoided_among(const std::vector<std::string>& names) const;
  [[nodiscard]] std::vector<std::string> best_of(Heard fit) const;
  void note_promises();
  void propose(const Heard& heard, Seq durable, std::int64_t now_us);

  const std::string self_;
  const std::size_t count_;

  mutable std::mutex mutex_;  // guards what follows
  bool is_recorded_ = false;  // in this tenure
  std::vector<std::string> members_;
  std::optional<std::vector<std::string>> proposed_;
  std::set<std::string> avoided_;
  bool wants_degraded_ = false;
  bool wished_degraded_ = false;     // by the last wish
  bool is_degraded_ = false;         // on record
  bool may_stand_degraded_ = false;  // there
  bool is_alone_ = false;            // commits do not wait
  Seq floor_ = 0;                    // may have been acknowledged
  Seq acknowledged_ = 0;             // as last answered
  // What commits that waited were told: at least so much, and at most. The same once this tenure
  // has acknowledged something.
  Seq promised_ = 0;
  std::optional<Seq> promised_most_;
  std::int64_t stuck_since_us_ = 0;
};

}  // namespace understudy
