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
  bool operator==(const ClusterMember&) const = default;
};

struct ClusterStatus {
  StreamId stream;      // nil: not known yet
  Epoch epoch = 0;      // the highest that is known
  std::string primary;  // empty: nobody, or it is disputed
  std::string self;
  std::vector<ClusterMember> members;  // this node first, then by name
  History history;                     // of this node's log
};

// What this node knows by itself is put where it belongs: the lags of those that follow it, its own
// lag, and everybody's lag in transactions, measured against the primary's position.
void add_lags(const Status& own, ClusterStatus& cluster);

std::string to_json(const ClusterStatus& cluster);

}  // namespace understudy
