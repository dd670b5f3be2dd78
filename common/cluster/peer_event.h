// PeerEvent: something about the other nodes that operators want to read, and takeover to act upon.
// Each is told when it begins, not again while it lasts. Pure values; any thread.
#pragma once

#include "common/core/types.h"

namespace understudy {

struct PeerEvent {
  enum class Kind : std::uint8_t {
    appeared,        // a node is heard for the first time, or again after a silence
    silent,          // … and is no longer
    restarted,       // as another process
    epoch_rose,      // highest_epoch() is `epoch` now, as `node` says
    primary_found,   // primary() is `node` now, of `epoch`
    primary_lost,    // primary() is nobody now; it was `node`, of `epoch`
    forked,          // `node` and `other` know `epoch` as two tenures, or both lead in it
    name_shared,     // two processes are called `node`; with `other` set: this node is one of them
    foreign_stream,  // `node` belongs to another stream, `other` (in its text form)
  };
  Kind kind = Kind::appeared;
  std::string node;
  Epoch epoch = 0;
  std::string other;
  std::optional<std::size_t> endpoint;
  bool operator==(const PeerEvent&) const = default;
};
[[nodiscard]] std::string to_string(const PeerEvent& event);  // a sentence for logs

}  // namespace understudy
