// What the serve thread knows of its standbys, in the words of the status.
#pragma once

#include "common/node/status.h"
#include "common/serving/peers.h"

namespace understudy {

[[nodiscard]] inline StandbyStatus to_standby_status(const PeerStatus& peer) {
  StandbyStatus standby;
  standby.name = peer.name;
  // "disconnected", the one word that is no state of a node: nobody speaks for it.
  standby.state = parse_node_state(peer.state).value_or(NodeState::stopped);
  standby.seqs = {peer.received_seq, peer.durable_seq, peer.applied_seq};
  standby.lag_seconds = peer.lag_seconds;
  standby.lag_bytes = peer.lag_bytes;
  return standby;
}

}  // namespace understudy
