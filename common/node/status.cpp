#include "common/node/status.h"

#include <algorithm>
#include <array>

namespace understudy {
namespace {

constexpr std::array<std::string_view, 2> kRoles = {"primary", "standby"};
constexpr std::array<std::string_view, 11> kStates = {
    "starting",  "scanning",    "repairing", "publishing", "stalled", "connecting",
    "resyncing", "catching_up", "streaming", "stopped",    "failed"};
constexpr std::array<std::string_view, 3> kLevels = {"received", "durable", "applied"};

template <typename Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view to_string(NodeRole role) {
  return kRoles.at(static_cast<std::size_t>(role));
}

std::string_view to_string(NodeState state) {
  return kStates.at(static_cast<std::size_t>(state));
}

std::string_view to_string(Level level) {
  return kLevels.at(static_cast<std::size_t>(level));
}

std::optional<NodeRole> parse_node_role(std::string_view text) {
  return find_name<NodeRole>(kRoles, text);
}

std::optional<NodeState> parse_node_state(std::string_view text) {
  return find_name<NodeState>(kStates, text);
}

std::optional<Level> parse_wait_level(std::string_view text) {
  return find_name<Level>(kLevels, text);
}

Seq Progression::at(Level level) const {
  switch (level) {
    case Level::received:
      return received;
    case Level::durable:
      return durable;
    case Level::applied:
      break;
  }
  return applied;
}

bool Status::is_healthy() const {
  const bool working = state == NodeState::publishing || state == NodeState::streaming;
  return working && warnings.empty();
}

std::size_t Status::count_at(Level level, Seq seq) const {
  if (role == NodeRole::standby) return progression && progression->at(level) >= seq ? 1 : 0;
  return static_cast<std::size_t>(
      std::count_if(standbys.begin(), standbys.end(),
                    [&](const StandbyStatus& standby) { return standby.seqs.at(level) >= seq; }));
}

}  // namespace understudy
