#include "common/api/health_verdict.h"

namespace understudy {
namespace {

constexpr std::string_view kFine = "nothing speaks against it";

// The one reason against it that weighs most; kFine: none.

// Whoever reads there sees what is the newest.
std::string_view against_leader(const HealthFacts& facts) {
  if (facts.role != NodeRole::primary) return "it is a standby";
  if (facts.is_standing_down) return "another node leads, it stands down";
  switch (facts.state) {
    case NodeState::publishing:
    case NodeState::scanning:   // what is written now is published as soon as that is done:
    case NodeState::repairing:  // there is no other place for it
    case NodeState::stalled:
      return kFine;
    default:
      return "it does not lead (yet)";
  }
}

std::string_view against_primary(const HealthFacts& facts) {
  const auto why = against_leader(facts);
  return why == kFine && facts.is_fenced ? "its application is fenced" : why;
}

std::string_view against_replica(const HealthFacts& facts, const std::optional<LagBound>& bound) {
  if (facts.role != NodeRole::standby) return "it is no standby";
  if (facts.state != NodeState::streaming) return "it does not stream";
  if (!facts.takes_reads) return "the operator keeps readers away from it (noloadbalance)";
  if (bound && !is_within(*bound, facts.lag))
    return "it is too far behind, or nobody knows how far";
  return kFine;
}

std::string_view against_readiness(const HealthFacts& facts, const std::optional<LagBound>& bound) {
  if (facts.role == NodeRole::primary) {
    if (facts.is_standing_down) return "another node leads, it stands down";
    return facts.state == NodeState::publishing ? kFine : "it does not publish (yet)";
  }
  const bool is_with_it =
      facts.state == NodeState::streaming || facts.state == NodeState::catching_up;
  if (!is_with_it) return "it does not follow (yet)";
  if (bound && !is_within(*bound, facts.lag))
    return "it is too far behind, or nobody knows how far";
  return kFine;
}

std::string_view against_health(const HealthFacts& facts) {
  const bool works = facts.state == NodeState::publishing || facts.state == NodeState::streaming;
  if (!works) return "it does not work as it should";
  return facts.is_weakened ? "a guarantee is weakened" : kFine;
}

std::string_view against(HealthCheck check, const HealthFacts& facts,
                         const std::optional<LagBound>& bound) {
  switch (check) {
    case HealthCheck::primary:
      return against_primary(facts);
    case HealthCheck::replica:
      return against_replica(facts, bound);
    case HealthCheck::read_only:
      return facts.role == NodeRole::primary ? against_leader(facts)
                                             : against_replica(facts, bound);
    case HealthCheck::sync:
      if (const auto why = against_replica(facts, bound); why != kFine) return why;
      return facts.is_sync ? kFine : "no commit waits for it";
    case HealthCheck::async:
      if (const auto why = against_replica(facts, bound); why != kFine) return why;
      return facts.is_sync ? "commits wait for it" : kFine;
    case HealthCheck::health:
      return against_health(facts);
    case HealthCheck::readiness:
      break;
  }
  return against_readiness(facts, bound);
}

}  // namespace

HealthFacts health_facts(const Status& status) {
  HealthFacts facts;
  facts.role = status.role;
  facts.state = status.state;
  facts.is_fenced = status.is_fenced;
  facts.is_standing_down = status.is_standing_down;
  facts.is_sync = status.is_sync;
  facts.takes_reads = status.takes_reads;
  facts.is_weakened = !status.warnings.empty();
  facts.lag = {status.lag_seconds, status.lag_transactions, status.lag_bytes};
  return facts;
}

HealthVerdict judge(HealthCheck check, const HealthFacts& facts,
                    const std::optional<LagBound>& bound) {
  const auto why = against(check, facts, bound);
  return {why == kFine, std::string(why)};
}

}  // namespace understudy
