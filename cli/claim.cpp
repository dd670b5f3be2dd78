#include "cli/claim.h"

#include "cli/recorded_state.h"
#include "common/core/clock.h"

#include <chrono>
#include <thread>

namespace understudy {
namespace {

constexpr std::int64_t kConnect_us = 2'000'000;

std::optional<Claim> connect(const FoundNode& node, PinnedState& pinned) {
  if (node.identity.role == NodeRole::standby) {
    const auto cursor = pinned.header().cursor();
    const auto position = find_applied(node, cursor);
    if (!position) return std::nullopt;
    return Claim{*position, cursor, true};
  }
  const auto state = read_backend_position(node);
  if (!state.cursor || !pinned.can_read(*state.cursor)) return std::nullopt;
  return Claim{state.position, *state.cursor, true};
}

}  // namespace

Claim find_claim(const FoundNode& node, PinnedState& pinned, bool is_running) {
  const auto deadline_us = monotonic_time_us() + (is_running ? kConnect_us : 0);
  for (;;) {
    if (const auto claim = connect(node, pinned)) return *claim;
    if (pinned.has_waiter() || monotonic_time_us() >= deadline_us) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {read_backend_position(node).position, pinned.header().cursor(), false};
}

std::string explain_difference(const Claim& claim, const FoundNode& node, bool is_running) {
  if (claim.connected) {
    return node.identity.role == NodeRole::primary
               ? "the file does not hold what was recorded: run PRAGMA integrity_check, and look "
                 "for restored or damaged files"
               : "the standby's file is damaged; restart its subscriber, which resyncs it";
  }
  if (is_running) return "the node has not settled yet (scan, repair or resync); try again";
  return node.identity.role == NodeRole::primary
             ? "no publisher runs, and the application wrote on (or the file was changed): start "
               "the publisher, which records the difference"
             : "no subscriber runs, and the file is another state: start it, and it resyncs";
}

}  // namespace understudy
