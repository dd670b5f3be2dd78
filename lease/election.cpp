#include "lease/election.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

namespace understudy {
namespace {

bool is_whole(NodeState state) {
  return state == NodeState::connecting || state == NodeState::catching_up ||
         state == NodeState::streaming;
}

// Who led last has all that was acknowledged, whatever is on record of the others; by its log, not
// by its name alone: a node that lost its disk has nothing.
std::string refuse_unsynced(const LeaseRules& rules, const LeaseFacts& facts,
                            const LeaderRecord& leader) {
  if (!leader.sync || leader.sync->is_degraded) return {};
  if (facts.is_copied) return "it began anew, and has not caught up with a primary since";
  if (leader.led_node == rules.node && leader.led_epoch == facts.led_epoch) return {};
  const auto& members = leader.sync->members;
  if (std::ranges::find(members, rules.node) != members.end()) return {};
  if (members.empty()) return "commits waited for standbys, and none was on record as synced";
  return fmt::format("commits waited for {}, not for this node: it may lack some",
                     fmt::join(members, " and "));
}

std::string refuse_lag(const LeaseRules& rules, const LeaseFacts& facts,
                       const LeaderRecord& leader) {
  if (facts.durable_epoch < leader.position_epoch) {
    return fmt::format("its log ends in epoch {}, the primary's went on to {}", facts.durable_epoch,
                       leader.position_epoch);
  }
  if (facts.durable_epoch > leader.position_epoch || leader.position_seq <= facts.durable) {
    return {};
  }
  const Seq lag = leader.position_seq - facts.durable;
  if (lag <= rules.max_lag) return {};
  return fmt::format("{} transactions behind the primary, and --max-lag-on-takeover is {}", lag,
                     rules.max_lag);
}

}  // namespace

std::string refusal_of(const LeaseRules& rules, const LeaseFacts& facts,
                       const LeaderRecord* leader) {
  if (leader == nullptr) return "nobody has led yet";
  if (facts.role != NodeRole::standby) return "it is no standby";
  if (rules.nofailover) return "it is tagged nofailover";
  if (!facts.has_state) return "it has no whole database of a known position";
  if (!is_whole(facts.state)) {
    return fmt::format("its database is not ready: {}", to_string(facts.state));
  }
  if (!facts.listens) return "it has no --listen: nobody could follow it";
  if (!leader->stream.is_nil() && leader->stream != facts.stream) {
    return "its database belongs to another stream";
  }
  const bool is_listed = leader->node == rules.node ||
                         std::ranges::find(leader->members, rules.node) != leader->members.end();
  if (!is_listed) return "the last primary did not know of it";
  if (auto text = refuse_unsynced(rules, facts, *leader); !text.empty()) return text;
  return refuse_lag(rules, facts, *leader);
}

bool is_better(const MemberRecord& a, const MemberRecord& b) {
  return std::tuple(-static_cast<std::int64_t>(a.epoch), -static_cast<std::int64_t>(a.seq),
                    -a.priority, std::string_view(a.node)) <
         std::tuple(-static_cast<std::int64_t>(b.epoch), -static_cast<std::int64_t>(b.seq),
                    -b.priority, std::string_view(b.node));
}

std::size_t rank_of(const MemberRecord& self, const std::vector<MemberRecord>& others) {
  return static_cast<std::size_t>(std::ranges::count_if(others, [&](const MemberRecord& other) {
    return other.node != self.node && other.role == "standby" && other.refusal.empty() &&
           is_better(other, self);
  }));
}

}  // namespace understudy
