// ClusterStatus: all nodes of a cluster as one of them sees them, and who led it when.
// JSON: schemas/cluster.schema.json. Plain values; any thread.
#pragma once

#include "common/node/status.h"
#include "common/record/history.h"

#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct ClusterMember {
  std::string node;      // empty: it never answered
  std::string endpoint;  // where it serves; empty: it is not known
  bool is_self = false;
  std::string role = "none";  // primary, standby, none (starting, or between roles)
  std::string state;          // as its status has it; empty: not known
  Epoch epoch = 0;
  Seq seq = 0;  // durable
  Seq applied_seq = 0;
  std::string followed;  // the node that it follows; empty: none
  bool is_fenced = false;
  std::optional<double> silent_seconds;  // not heard for so long; empty: it answers
  // Behind the primary; empty: not known here.
  std::optional<std::uint64_t> lag_transactions;
  std::optional<double> lag_seconds;
  std::optional<std::uint64_t> lag_bytes;
  // What the operator says of it, and why it would not take over by itself; known with a lease only
  // (of this node: always).
  bool nofailover = false;
  bool noloadbalance = false;
  std::int64_t priority = 0;
  std::string refusal;  // empty: it would
  bool operator==(const ClusterMember&) const = default;
};

// The lease that decides who leads.
struct ClusterLease {
  std::string holder;    // or the last one; empty: nobody ever
  bool is_held = false;  // as far as this node knows
  Epoch epoch = 0;
  double ttl_seconds = 0;
  double age_seconds = 0;  // since it was last seen to be renewed
  bool is_paused = false;
  bool is_pausing = false;  // asked for; the holder has not said that it knows
  bool is_on_promises = false;      // this node holds it, and only its peers' promises keep it
  std::vector<std::string> synced;  // commits wait for these
  std::string trouble;              // the store's; empty: it answers
};

struct ClusterStatus {
  StreamId stream;      // nil: not known yet
  Epoch epoch = 0;      // the highest that is known
  std::string primary;  // empty: nobody, or it is disputed
  std::string self;
  std::vector<ClusterMember> members;  // this node first, then by name
  History history;                     // of this node's log
  std::optional<ClusterLease> lease;   // empty: the node has none
};

// What this node knows by itself is put where it belongs: the lags of those that follow it, its own
// lag, and everybody's lag in transactions, measured against the primary's position.
void add_lags(const Status& own, ClusterStatus& cluster);

std::string to_json(const ClusterStatus& cluster);

}  // namespace understudy
