// The verdicts over their whole input space: each role, state, mark and lag, against rules that are
// written down another way than the code has them: as sets.
#include "common/api/health_verdict.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

using namespace understudy;

namespace {

constexpr std::array<NodeState, 11> kStates = {
    NodeState::starting,  NodeState::scanning,   NodeState::repairing, NodeState::publishing,
    NodeState::stalled,   NodeState::connecting, NodeState::resyncing, NodeState::catching_up,
    NodeState::streaming, NodeState::stopped,    NodeState::failed};
constexpr std::array<HealthCheck, kHealthChecks> kChecks = {
    HealthCheck::primary, HealthCheck::replica, HealthCheck::read_only, HealthCheck::sync,
    HealthCheck::async,   HealthCheck::health,  HealthCheck::readiness};

const std::set kLeading = {NodeState::publishing, NodeState::scanning, NodeState::repairing,
                           NodeState::stalled};

// Bit by bit: fenced, standing down, sync, takes reads, weakened.
HealthFacts facts_of(NodeRole role, NodeState state, unsigned marks, const Lag& lag) {
  HealthFacts facts;
  facts.role = role;
  facts.state = state;
  facts.is_fenced = (marks & 1) != 0;
  facts.is_standing_down = (marks & 2) != 0;
  facts.is_sync = (marks & 4) != 0;
  facts.takes_reads = (marks & 8) != 0;
  facts.is_weakened = (marks & 16) != 0;
  facts.lag = lag;
  return facts;
}

bool expected(HealthCheck check, const HealthFacts& facts, bool is_near) {
  const bool is_primary = facts.role == NodeRole::primary;
  const bool leads = is_primary && kLeading.contains(facts.state) && !facts.is_standing_down;
  const bool is_replica =
      !is_primary && facts.state == NodeState::streaming && facts.takes_reads && is_near;
  switch (check) {
    case HealthCheck::primary:
      return leads && !facts.is_fenced;
    case HealthCheck::replica:
      return is_replica;
    case HealthCheck::read_only:
      return leads || is_replica;
    case HealthCheck::sync:
      return is_replica && facts.is_sync;
    case HealthCheck::async:
      return is_replica && !facts.is_sync;
    case HealthCheck::health:
      return (facts.state == NodeState::publishing || facts.state == NodeState::streaming) &&
             !facts.is_weakened;
    case HealthCheck::readiness:
      break;
  }
  if (is_primary) return facts.state == NodeState::publishing && !facts.is_standing_down;
  return (facts.state == NodeState::streaming || facts.state == NodeState::catching_up) && is_near;
}

struct LagCase {
  Lag lag;
  std::optional<LagBound> bound;
  bool is_near = false;
};

const std::vector<LagCase>& lag_cases() {
  static const std::vector<LagCase> cases = {
      {{}, {}, true},
      {{9.0, 9, 9}, {}, true},
      {{}, LagSeconds{1}, false},
      {{1.0, 9, 9}, LagSeconds{1}, true},
      {{1.1, 0, 0}, LagSeconds{1}, false},
      {{}, LagTransactions{1}, false},
      {{9.0, 1, 9}, LagTransactions{1}, true},
      {{0.0, 2, 0}, LagTransactions{1}, false},
      {{}, LagBytes{1}, false},
      {{9.0, 9, 1}, LagBytes{1}, true},
      {{0.0, 0, 2}, LagBytes{1}, false},
      {{0.0, 0, std::nullopt}, LagBytes{1'000'000}, false},
  };
  return cases;
}

template <typename F>
void for_all(F&& f) {
  for (const auto role : {NodeRole::primary, NodeRole::standby}) {
    for (const auto state : kStates) {
      for (unsigned marks = 0; marks < 32; ++marks) {
        for (const auto& lag : lag_cases()) f(facts_of(role, state, marks, lag.lag), lag);
      }
    }
  }
}

}  // namespace

TEST_CASE("each verdict is the one of the table, everywhere") {
  std::size_t count = 0;
  for_all([&](const HealthFacts& facts, const LagCase& lag) {
    for (const auto check : kChecks) {
      const auto verdict = judge(check, facts, lag.bound);
      const bool right = verdict.ok == expected(check, facts, lag.is_near);
      CAPTURE(static_cast<int>(check));
      CAPTURE(std::string(to_string(facts.state)));
      if (!right) CHECK(verdict.ok == expected(check, facts, lag.is_near));
      CHECK_FALSE(verdict.why.empty());
      ++count;
    }
  });
  CHECK(count == std::size_t{2} * 11 * 32 * 12 * 7);
  fmt::print("understudy-count: verdicts={}\n", count);
}

// What a balancer builds on, whatever the table says.
TEST_CASE(
    "nobody is at once the place for writes and a replica; sync and async part the replicas") {
  for_all([&](const HealthFacts& facts, const LagCase& lag) {
    const auto ok = [&](HealthCheck check) { return judge(check, facts, lag.bound).ok; };
    const bool replica = ok(HealthCheck::replica);
    const bool both = ok(HealthCheck::primary) && replica;
    const bool parted = ok(HealthCheck::sync) != ok(HealthCheck::async);
    const bool reads = ok(HealthCheck::read_only);
    if (both || replica != parted || (ok(HealthCheck::primary) && !reads) || (replica && !reads)) {
      FAIL("contradiction in state " << to_string(facts.state));
    }
  });
}

TEST_CASE("facts come out of a status") {
  Status status;
  status.role = NodeRole::standby;
  status.state = NodeState::streaming;
  status.lag_seconds = 1.5;
  status.lag_transactions = 3;
  status.lag_bytes = 300;
  status.is_sync = true;
  status.warnings = {"weak"};
  const auto facts = health_facts(status);
  CHECK(judge(HealthCheck::sync, facts, LagSeconds{1.5}).ok);
  CHECK(judge(HealthCheck::sync, facts, LagTransactions{3}).ok);
  CHECK_FALSE(judge(HealthCheck::sync, facts, LagBytes{299}).ok);
  CHECK_FALSE(judge(HealthCheck::health, facts, {}).ok);
  Status primary;
  primary.state = NodeState::publishing;
  CHECK(judge(HealthCheck::primary, health_facts(primary), {}).ok);
  primary.is_fenced = true;
  CHECK_FALSE(judge(HealthCheck::primary, health_facts(primary), {}).ok);
  primary.is_fenced = false;
  primary.is_standing_down = true;
  CHECK_FALSE(judge(HealthCheck::primary, health_facts(primary), {}).ok);
}
