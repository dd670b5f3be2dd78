// Which role a node begins with, out of what its disk and its peers say. Pure.
//
// The log is the one truth about who leads (docs/decisions/0011-takeover.md): what the operator
// asked for counts for a node that has no state yet, and for no other. With a lease a node leads
// only when the lease store says so, too: who took it over may not be heard of yet.
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
  // Its log began as a copy of another node's: what was opened under its name before is not of this
  // log's making.
  bool is_copied = false;
  // The highest epoch of which a peer knows; nullopt: no peers, or none answered in time.
  std::optional<Epoch> peers_epoch = {};
  // What the lease store says; nullopt: the node has no lease.
  struct Lease {
    bool answers = false;
    std::string holder = {};  // who holds the lease, or was the last to; empty: nobody ever
    Epoch epoch = 0;
    // Who holds it opened an epoch at some time. If not, its first start ended before there was a
    // stream, and there is nothing to follow.
    bool has_led = true;
  };
  std::optional<Lease> lease = {};
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
