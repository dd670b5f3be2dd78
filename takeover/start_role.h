// Which role a node begins with, out of what its disk and its peers say. Pure.
//
// The log is the one truth about who leads (docs/decisions/0011-takeover.md): what the operator
// asked for counts for a node that has no state yet, and for no other.
#pragma once

#include "common/node/status.h"
#include "common/record/history.h"

namespace understudy {

struct StartFacts {
  NodeRole asked = NodeRole::primary;  // `publish` or `subscribe`
  std::string node = {};
  History history = {};                   // of the node's log; empty: it has none
  NodeRole recorded = NodeRole::standby;  // the last role that ran
  Epoch demoted_from = 0;                 // on record: this node stood down from that epoch
  // The backend names a place in the WAL: the last writer was an application that a publisher
  // watched, so there may be commits that are not in the log yet.
  bool has_cursor = false;
  // The highest epoch of which a peer knows; nullopt: no peers, or none answered in time.
  std::optional<Epoch> peers_epoch = {};
};

enum class StartRole {
  primary,
  standby,
  drain_then_standby,  // record what the application wrote, under a fence and serving nobody
};

struct StartDecision {
  StartRole role = StartRole::primary;
  std::string why;  // one clause, for the log
};

[[nodiscard]] StartDecision decide_start(const StartFacts& facts);

}  // namespace understudy
