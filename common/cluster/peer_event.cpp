#include "common/cluster/peer_event.h"

#include <fmt/format.h>

namespace understudy {

std::string to_string(const PeerEvent& event) {
  const auto& [kind, node, epoch, other, endpoint] = event;
  switch (kind) {
    case PeerEvent::Kind::appeared:
      return fmt::format("node {} is there (epoch {})", node, epoch);
    case PeerEvent::Kind::silent:
      return fmt::format("node {} is silent", node);
    case PeerEvent::Kind::restarted:
      return fmt::format("node {} was started anew", node);
    case PeerEvent::Kind::epoch_rose:
      return fmt::format("epoch {} was opened: node {} says so", epoch, node);
    case PeerEvent::Kind::primary_found:
      return fmt::format("node {} is primary of epoch {}", node, epoch);
    case PeerEvent::Kind::primary_lost:
      return fmt::format("no primary is known; it was node {} of epoch {}", node, epoch);
    case PeerEvent::Kind::forked:
      return fmt::format(
          "fork: nodes {} and {} both opened epoch {}, or follow one that did; neither takes the "
          "other's records. Decide for one with: understudy promote --force, on that node",
          node, other, epoch);
    case PeerEvent::Kind::name_shared:
      return other.empty()
                 ? fmt::format("two nodes are called {}: give one another --node", node)
                 : fmt::format("another node is called {} as this one: give it another --node",
                               node);
    case PeerEvent::Kind::foreign_stream:
      return fmt::format("node {} has another database (stream {}): take it off --peers", node,
                         other);
  }
  return {};
}

}  // namespace understudy
