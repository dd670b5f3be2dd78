#include "takeover/start_role.h"

#include <fmt/format.h>

namespace understudy {
namespace {

StartDecision as_standby(const StartFacts& facts, std::string why) {
  return {facts.has_cursor ? StartRole::drain_then_standby : StartRole::standby, std::move(why)};
}

// Why the lease store's word keeps this node from leading; empty: it does not.
std::string refuse_by_lease(const StartFacts& facts, Epoch own) {
  if (!facts.lease) return {};
  const auto& lease = *facts.lease;
  if (!lease.answers) return "the lease store does not answer: another node may lead";
  if (lease.holder.empty()) return {};
  const bool began = lease.holder == facts.node && !lease.has_led;
  if (own == 0 && began && facts.asked == NodeRole::primary) return {};
  if (own == 0) return fmt::format("{} is on record as the last to lead", lease.holder);
  if (lease.holder != facts.node) return fmt::format("{} took the lease", lease.holder);
  if (lease.epoch <= own) return {};
  return fmt::format("it took the lease of epoch {}, and never opened it", lease.epoch);
}

}  // namespace

StartDecision decide_start(const StartFacts& facts) {
  const Epoch own = facts.history.empty() ? 0 : facts.history.back().epoch;
  if (facts.peers_epoch && *facts.peers_epoch > own) {
    return as_standby(facts, own == 0
                                 ? std::string("its peers have this database already")
                                 : fmt::format("a peer is in epoch {}, this node's log ends in {}",
                                               *facts.peers_epoch, own));
  }
  if (auto why = refuse_by_lease(facts, own); !why.empty())
    return as_standby(facts, std::move(why));
  if (own == 0) {
    return {facts.asked == NodeRole::primary ? StartRole::primary : StartRole::standby,
            "as the command says"};
  }
  const auto& last = facts.history.back();
  // A stream from before openings were on record.
  if (last.node.empty()) {
    const bool led = facts.recorded == NodeRole::primary;
    return led ? StartDecision{StartRole::primary, "it led the stream when it last ran"}
               : as_standby(facts, "it was a standby when it last ran");
  }
  if (last.node != facts.node) {
    return as_standby(facts, fmt::format("epoch {} belongs to {}", last.epoch, last.node));
  }
  if (facts.is_copied) {
    return as_standby(
        facts, fmt::format("its log is a copy of another node's, epoch {} included", last.epoch));
  }
  if (facts.demoted_from >= last.epoch) {
    return as_standby(facts, fmt::format("it stood down from epoch {}", facts.demoted_from));
  }
  return {StartRole::primary, fmt::format("it opened epoch {}", last.epoch)};
}

}  // namespace understudy
