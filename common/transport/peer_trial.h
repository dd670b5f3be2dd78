// try_peer(): one connection to each port of a node, as another node would make it, to find out
// whether it would be let in; and what time it is there. Nothing is asked or told.
//
// Any thread. Throws TransportError when ZeroMQ itself fails.
#pragma once

#include "common/transport/sockets.h"

#include <chrono>
#include <optional>

namespace understudy {

enum class Handshake : std::uint8_t {
  no_answer,     // no handshake came to an end in time
  let_in,        // and, with keys, it proved that it has the key that it must have
  unlisted,      // no entry of --peer-keys says which key must answer there: not tried
  refuses_key,   // it does not know this node's key, or not for this port
  ends_it,       // again and again, as a node does that has another key than the one expected
  demands_keys,  // and this node has none
  has_no_keys,   // and this node has
  other_words,   // what answers is no ZeroMQ
};

struct PeerTrial {
  Handshake live = Handshake::no_answer;
  Handshake requests = Handshake::no_answer;
  // Its clock against this machine's, from a heartbeat of its stream; nullopt: none came.
  std::optional<std::int64_t> clock_ahead_us;
};

[[nodiscard]] PeerTrial try_peer(const Network& network, const Endpoint& endpoint,
                                 std::chrono::milliseconds patience);

}  // namespace understudy
