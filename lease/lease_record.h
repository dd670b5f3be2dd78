// What stands in the lease store: who leads, who else there is, and whether automatics are paused.
// Plain values and their JSON (schemas/lease.md); any thread.
//
// Invariants
//  - The leader's record is one value, changed only by compare-and-swap on its revision. Who
//  changed
//    it last, and how long ago that was seen, is all that decides who may accept writes.
//  - Its epoch only grows, and changes whenever another tenure begins: no two are equal.
#pragma once

#include "common/core/types.h"
#include "common/node/sync_record.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

struct LeaderRecord {
  std::string node;           // who holds the lease, or was the last to
  std::uint64_t process = 0;  // random, of one run of that node
  Epoch epoch = 0;
  StreamId stream;           // nil: a new one, not known yet
  std::int64_t ttl_ms = 0;   // nobody else takes the lease before the record is this old
  bool is_offered = false;   // handed over to `node`, which has not taken it yet
  bool is_released = false;  // nobody holds it, and nobody writes: it may be taken at once
  bool is_paused = false;    // the holder goes on without the store; only a person may replace it
  // Who last took writes, in which epoch, and its last durable position as of its last renewal.
  std::string led_node;
  Epoch led_epoch = 0;
  Epoch position_epoch = 0;
  Seq position_seq = 0;
  // Its epoch began with this seq, after that epoch: 0, unknown.
  Seq position_first = 0;
  Epoch position_after = 0;
  std::vector<std::string> members;  // who may take over, and is asked when the store is gone
  std::optional<SyncRecord> sync;    // nullopt: commits do not wait
  std::string since;                 // when this tenure was taken, RFC 3339; for people
  std::uint64_t renewals = 0;        // in this tenure

  bool operator==(const LeaderRecord&) const = default;
};

// A node, as it last said of itself.
struct MemberRecord {
  std::string node;
  std::uint64_t process = 0;
  std::string endpoint;  // of its live stream; empty: it does not serve
  std::string role;      // primary, standby, none
  std::string state;     // as its status has it
  Epoch epoch = 0;       // of its last durable record
  Seq seq = 0;
  Seq applied = 0;
  std::string refusal;  // why it would not take over now; empty: it would
  bool nofailover = false;
  bool noloadbalance = false;
  std::int64_t priority = 0;
  std::uint64_t beats = 0;  // counts on, so that each writing differs from the one before

  bool operator==(const MemberRecord&) const = default;
};

// A value and the store's revision at which it was written last.
template <typename T>
struct Versioned {
  T value;
  std::int64_t revision = 0;
};

// All of it, as of one instant.
struct LeaseView {
  std::int64_t revision = 0;  // of the whole store: grows with every change of anything
  std::optional<Versioned<LeaderRecord>> leader;
  std::vector<Versioned<MemberRecord>> members;  // by name
  bool is_paused = false;
};

std::string to_json(const LeaderRecord& record);
std::string to_json(const MemberRecord& record);
// nullopt: it is not one. Unknown members are passed over (a newer version may add some).
std::optional<LeaderRecord> leader_record_from_json(std::string_view text);
std::optional<MemberRecord> member_record_from_json(std::string_view text);

}  // namespace understudy
