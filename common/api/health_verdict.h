// HealthVerdict: may a balancer send somebody to this node? Pure: the table is in
// schemas/control-api.md, and tests go through all of it.
#pragma once

#include "common/api/lag_bound.h"
#include "common/node/status.h"

#include <array>
#include <string>

namespace understudy {

enum class HealthCheck {
  primary,    // writes may come here
  replica,    // reads may: a standby that streams, within the bound
  read_only,  // reads may: the primary, or such a standby
  sync,       // such a standby, which commits of the application wait for
  async,      // such a standby, which they do not wait for
  health,     // nothing is to be done by an operator
  readiness,  // it has finished starting: a primary that publishes, a standby that is with it
};
constexpr std::size_t kHealthChecks = 7;

// What a verdict depends on.
struct HealthFacts {
  NodeRole role = NodeRole::primary;
  NodeState state = NodeState::starting;
  bool is_fenced = false;         // primary: its application is kept from writing
  bool is_standing_down = false;  // primary: another one leads
  bool is_sync = false;           // standby: commits of the application wait for it
  bool takes_reads = true;        // not: the operator keeps balancers away from it
  bool is_weakened = false;       // a warning stands
  Lag lag;                        // standby
};

struct HealthVerdict {
  bool ok = false;
  std::string why;  // one clause, for people
};

[[nodiscard]] HealthFacts health_facts(const Status& status);
[[nodiscard]] HealthVerdict judge(HealthCheck check, const HealthFacts& facts,
                                  const std::optional<LagBound>& bound);

}  // namespace understudy
