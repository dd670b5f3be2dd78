// Election: may this node take the lease, and how many would be better? Pure.
#pragma once

#include "common/node/status.h"
#include "lease/lease_record.h"
#include "lease/lease_rules.h"

namespace understudy {

// What a node knows of itself.
struct LeaseFacts {
  std::optional<NodeRole> role;  // nullopt: between two roles
  NodeState state = NodeState::starting;
  bool has_state = false;   // a whole database that belongs to a position of its log
  bool listens = true;      // others can follow it
  Epoch epoch = 0;          // the last one that its log opens; 0: it has no log
  Epoch led_epoch = 0;      // that one, when this node opened it; else 0
  Seq epoch_first = 0;      // the seq that opens it
  Epoch epoch_before = 0;   // 0: none
  Epoch highest_epoch = 0;  // that it knows of, anywhere
  Epoch durable_epoch = 0;  // its last durable record
  Seq durable = 0;
  Seq applied = 0;
  // Its log began as a copy of another node's, and has not been proved to hold what this node, by
  // its name, confirmed before.
  bool is_copied = false;
  StreamId stream;
  std::string endpoint;
  // As a primary: what is to be on record of how commits wait. nullopt: they do not.
  std::optional<SyncRecord> sync;
  bool operator==(const LeaseFacts&) const = default;
};

// Why this node does not take over from the one on record; empty: it may. `leader`: nullptr when
// nobody ever led.
[[nodiscard]] std::string refusal_of(const LeaseRules& rules, const LeaseFacts& facts,
                                     const LeaderRecord* leader);

// Is `a` to be preferred to `b`? The further position; then priority; then the name.
[[nodiscard]] bool is_better(const MemberRecord& a, const MemberRecord& b);

// How many of `others` come before `self`: standbys that would take over and are better.
[[nodiscard]] std::size_t rank_of(const MemberRecord& self,
                                  const std::vector<MemberRecord>& others);

}  // namespace understudy
