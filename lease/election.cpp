#include "lease/election.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace understudy {
namespace {

bool is_whole(NodeState state) {
  return state == NodeState::connecting || state == NodeState::catching_up ||
         state == NodeState::streaming;
}

// Up to where this node's log and the last primary's are certainly the same; nullopt: unknown. An
// epoch has one writer: in one that both have, the shorter log is the beginning of the longer one.
std::optional<Seq> shared_with(const LeaseFacts& facts, const LeaderRecord& leader) {
  if (facts.durable_epoch == leader.position_epoch) return facts.durable;
  if (facts.durable_epoch > leader.position_epoch)
    return std::numeric_limits<Seq>::max();  // it came after
  const bool is_of_the_one_before =
      leader.position_first != 0 && facts.durable_epoch == leader.position_after;
  if (!is_of_the_one_before) return std::nullopt;
  return std::min(facts.durable, leader.position_first - 1);
}

// Commits were told that others have them.
std::string refuse_unacknowledged(const LeaseFacts& facts, const LeaderRecord& leader) {
  const auto shared = shared_with(facts, leader).value_or(0);
  const auto acknowledged = leader.sync->acknowledged;
  if (shared >= acknowledged) return {};
  return fmt::format("it lacks {} transactions that commits had waited for", acknowledged - shared);
}

// Who led last has all that was acknowledged, whatever is on record of the others; by its log, not
// by its name alone: a node that lost its disk has nothing.
std::string refuse_unsynced(const LeaseRules& rules, const LeaseFacts& facts,
                            const LeaderRecord& leader) {
  if (!leader.sync) return {};
  const bool led_last = leader.led_node == rules.node && leader.led_epoch == facts.led_epoch;
  if (leader.sync->is_degraded) {
    return led_last ? std::string() : refuse_unacknowledged(facts, leader);
  }
  if (facts.is_copied) return "it began anew, and has not caught up with a primary since";
  if (led_last) return {};
  const auto& members = leader.sync->members;
  if (std::ranges::find(members, rules.node) != members.end()) {
    return refuse_unacknowledged(facts, leader);
  }
  if (members.empty()) return "commits waited for standbys, and none was on record as synced";
  return fmt::format("commits waited for {}, not for this node: it may lack some",
                     fmt::join(members, " and "));
}

std::string refuse_lag(const LeaseRules& rules, const LeaseFacts& facts,
                       const LeaderRecord& leader) {
  const auto shared = shared_with(facts, leader);
  if (!shared) {
    return fmt::format("its log ends in epoch {}, the primary's went on to {}", facts.durable_epoch,
                       leader.position_epoch);
  }
  if (leader.position_seq <= *shared) return {};
  const Seq lag = leader.position_seq - *shared;
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
  if (!is_listed) {
    return "the last primary did not know of it, and may lead on without the lease store, by the "
           "promises of those that it knows: make sure that it is down";
  }
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
