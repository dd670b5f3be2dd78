#include "replay/replay_plan.h"

#include "common/backend/log_walk.h"
#include "common/core/errors.h"

#include <fmt/format.h>

namespace understudy {
namespace {

[[noreturn]] void refuse_position(LogChain& chain, const Position& replica) {
  const auto coverage = describe_coverage(chain, {});
  const auto newest = chain.run_last(chain.run_count() - 1);
  if (replica.seq > newest.seq) {
    throw ConfigError(fmt::format(
        "the replica is at record {}, and the logs end with record {}: it has more than they do",
        replica.seq, newest.seq));
  }
  for (std::size_t run = 0; run < chain.run_count(); ++run) {
    const auto next = chain.run_base(run).seq + 1;
    if (next <= replica.seq + 1) continue;
    throw ConfigError(fmt::format(
        "records {} to {} are missing: the replica is at record {}, and the logs have {}; name the "
        "log that has them with a further --log",
        replica.seq + 1, next - 1, replica.seq, coverage));
  }
  throw ConfigError(fmt::format("the logs do not have the replica's record {}: they have {}",
                                replica.seq, coverage));
}

// A later primary opened its epoch before the replica's record.
void check_branch(const LogChain& chain, const Position& replica) {
  for (const auto& start : chain.whole_history()) {
    if (start.epoch <= replica.epoch || start.first_seq > replica.seq) continue;
    throw ConfigError(fmt::format(
        "the replica is at record {} of epoch {}, and epoch {} began with record {}: it went "
        "another way, and no record fits it; let a subscriber resync it, or restore a new one",
        replica.seq, replica.epoch, start.epoch, start.first_seq));
  }
}

void check_position(LogChain& chain, const Position& replica) {
  check_branch(chain, replica);
  if (!chain.select(replica.seq)) refuse_position(chain, replica);
  const auto known = chain.position_at(replica.seq);
  if (known == replica) return;
  throw ConfigError(fmt::format(
      "the replica is at {}, and that record of the logs leads to {}: it went another way, and no "
      "record fits it; let a subscriber resync it, or restore a new one",
      replica.to_string(), known ? known->to_string() : "nothing"));
}

void check_unbroken(LogChain& chain, const Position& replica, Seq target) {
  if (target < replica.seq) {
    throw ConfigError(
        fmt::format("the replica is at record {} already, behind record {}, and replay goes "
                    "forward only; to go back: understudy restore",
                    replica.seq, target));
  }
  (void)chain.select(replica.seq);
  if (chain.bounds().last.seq >= target) return;
  for (const auto& gap : chain.gaps()) {
    if (gap.after.seq < replica.seq) continue;
    throw ConfigError(fmt::format(
        "records {} to {} are missing between the replica, at record {}, and record {}; name the "
        "log that has them with a further --log, or stop before them with --to-seq {}",
        gap.after.seq + 1, gap.next - 1, replica.seq, target, gap.after.seq));
  }
}

}  // namespace

std::optional<Position> find_state_in(LogChain& chain, StateSum sum) {
  for (auto run = chain.run_count(); run-- > 0;) {
    chain.select_run(run);
    if (const auto found = find_state(chain, sum)) return found;
  }
  return std::nullopt;
}

ReplayPlan plan_replay(LogChain& chain, const Position& replica, const Target& target) {
  check_position(chain, replica);
  const auto found = find_target(chain, {}, target);
  check_unbroken(chain, replica, found.seq);
  return {replica, found};
}

}  // namespace understudy
