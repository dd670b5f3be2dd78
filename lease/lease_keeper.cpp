#include "lease/lease_keeper.h"

#include "common/core/assert.h"

#include <fmt/format.h>

#include <utility>

namespace understudy {
namespace {

constexpr std::int64_t kPublishEvery_us = 1'000'000;  // when only the position has moved

// Positions move all the time; the rest is news.
bool is_news(const MemberRecord& before, MemberRecord now) {
  now.seq = before.seq;
  now.applied = before.applied;
  now.beats = before.beats;
  return now != before;
}

}  // namespace

LeaseKeeper::LeaseKeeper(LeaseRules rules, std::int64_t now_us)
    : rules_(std::move(rules)), observe_at_us_(now_us) {}

void LeaseKeeper::tick(std::int64_t now_us) {
  observe_when_due(now_us);
  prove_copy();
  if (holds()) {
    tick_holding(now_us);
  } else if (!pending_) {
    tick_observing(now_us);
  }
  publish_when_due(now_us);
}

// --- what is seen ---

void LeaseKeeper::observe_when_due(std::int64_t now_us) {
  if (is_observing_ || now_us < observe_at_us_) return;
  is_observing_ = true;
  observe_at_us_ = now_us + rules_.poll();
  actions_.emplace_back(lease::Observe{});
}

void LeaseKeeper::on_view(LeaseView view, std::int64_t sent_us, std::int64_t now_us) {
  is_observing_ = false;
  unreachable_us_.reset();
  if (view.revision < known_revision_) {
    if (sent_us < answered_us_) return;  // overtaken by a swap's answer
    say(true, "lease_store_restored",
        fmt::format(
            "the lease store is at revision {}, and was at {}: it was restored, or is another "
            "one",
            view.revision, known_revision_));
  }
  note_view(view, sent_us, now_us);
  view_ = std::move(view);
  if (!pending_ && holds()) resolve_holding(now_us);
}

void LeaseKeeper::note_view(const LeaseView& view, std::int64_t sent_us, std::int64_t now_us) {
  known_revision_ = view.revision;
  const bool is_first = view_sent_us_ == 0;
  view_sent_us_ = sent_us;
  std::map<std::string, Seen> seen;
  for (const auto& [member, revision] : view.members) {
    const auto before = members_seen_.find(member.node);
    const bool is_same = before != members_seen_.end() && before->second.revision == revision;
    seen[member.node] = is_same ? before->second : Seen{revision, now_us, !is_first};
  }
  members_seen_ = std::move(seen);
  note_leader(view.leader, now_us);
}

void LeaseKeeper::note_leader(const std::optional<Versioned<LeaderRecord>>& leader,
                              std::int64_t now_us) {
  if (!leader) {
    if (leader_ || absent_since_us_ == 0) absent_since_us_ = now_us;
    leader_.reset();
    return;
  }
  absent_since_us_ = 0;
  if (first_revision_ == 0) first_revision_ = leader->revision;
  if (leader_ && leader_->revision == leader->revision) return;
  if (loose_acquisition_ != leader->revision) loose_acquisition_.reset();
  ++changes_since_copied_;
  leader_ = leader;
  leader_seen_us_ = now_us;
}

// What this node confirmed under its name before its log was lost, the primary had when it wrote
// the second renewal from then on: the first may have been under way already.
void LeaseKeeper::prove_copy() {
  constexpr int kChanges = 3;  // the first one is the first sight
  if (!facts_.is_copied) {
    changes_since_copied_ = 0;
    return;
  }
  if (!leader_ || changes_since_copied_ < kChanges || holds()) return;
  const auto& record = leader_->value;
  const bool is_behind = record.is_offered || record.is_released ||
                         facts_.durable_epoch != record.position_epoch ||
                         record.led_epoch != record.epoch || facts_.durable < record.position_seq;
  if (!is_behind) actions_.emplace_back(lease::Proved{});
}

void LeaseKeeper::on_unreachable(std::int64_t now_us) {
  is_observing_ = false;
  if (!unreachable_us_) unreachable_us_ = now_us;
}

// --- what is said of itself ---

MemberRecord LeaseKeeper::self(std::int64_t) const {
  MemberRecord record;
  record.node = rules_.node;
  record.process = rules_.process;
  record.endpoint = facts_.endpoint;
  record.role = facts_.role ? std::string(to_string(*facts_.role)) : "none";
  record.state = std::string(to_string(facts_.state));
  record.epoch = facts_.durable_epoch;
  record.seq = facts_.durable;
  record.applied = facts_.applied;
  record.refusal = facts_.role == NodeRole::primary ? std::string() : refusal();
  record.nofailover = rules_.nofailover;
  record.noloadbalance = rules_.noloadbalance;
  record.priority = rules_.priority;
  record.beats = beats_;
  return record;
}

std::string LeaseKeeper::refusal() const {
  return refusal_of(rules_, facts_, leader_ ? &leader_->value : nullptr);
}

// The holder is late: from here on positions matter.
bool LeaseKeeper::is_suspicious(std::int64_t now_us) const {
  return leader_ && !holds() &&
         (leader_->value.is_released || now_us - leader_seen_us_ >= rules_.ttl_us / 2);
}

void LeaseKeeper::publish_when_due(std::int64_t now_us) {
  if (view_sent_us_ == 0 || unreachable_us_) return;
  auto record = self(now_us);
  const auto age_us = now_us - published_us_;
  bool is_due = !published_ || age_us >= rules_.ttl_us / 3;
  if (!is_due && is_news(*published_, record)) is_due = age_us >= rules_.poll() / 2;
  if (!is_due && published_->seq != record.seq) {
    is_due = age_us >= (is_suspicious(now_us) ? rules_.poll() / 2 : kPublishEvery_us);
  }
  if (!is_due) return;
  record.beats = ++beats_;
  published_ = record;
  published_us_ = now_us;
  actions_.emplace_back(lease::Publish{std::move(record)});
}

// --- swaps ---

void LeaseKeeper::send(Purpose purpose, LeaderRecord record, std::int64_t now_us) {
  US_ASSERT(!pending_, "one swap at a time");
  const auto expected = leader_ ? leader_->revision : 0;
  pending_ = Pending{purpose, record, expected, now_us};
  attempted_us_ = now_us;
  actions_.emplace_back(lease::Swap{std::move(record), expected});
}

void LeaseKeeper::on_swapped(const SwapOutcome& outcome, std::int64_t now_us) {
  unreachable_us_.reset();
  answered_us_ = now_us;
  US_ASSERT(pending_.has_value(), "an answer answers something");
  auto pending = *std::exchange(pending_, {});
  if (rules_.counts_from_answer) pending.sent_us = now_us;
  if (const auto* refused = std::get_if<NotSwapped>(&outcome)) {
    known_revision_ = std::max(known_revision_, refused->revision);
    note_leader(refused->leader, now_us);
    if (holds()) return resolve_holding(now_us);
    standing_ = Standing::observing;
    return;
  }
  const auto revision = std::get<Swapped>(outcome).revision;
  known_revision_ = std::max(known_revision_, revision);
  // A view may have overtaken the answer, and shown what came after.
  if (!leader_ || leader_->revision <= revision) {
    note_leader(Versioned<LeaderRecord>{pending.record, revision}, now_us);
  }
  switch (pending.purpose) {
    case Purpose::claim:
    case Purpose::acquire:
      return on_acquired(pending, now_us);
    case Purpose::renew:
      return on_renewed(pending, now_us);
    case Purpose::hand_over:
      return lose(fmt::format("handed over to {}", pending.record.node), now_us);
    case Purpose::release:
      return lose("given back", now_us);
  }
}

void LeaseKeeper::on_swap_unknown(std::int64_t now_us) {
  US_ASSERT(pending_.has_value(), "an answer answers something");
  const auto pending = *std::exchange(pending_, {});
  if (!unreachable_us_) unreachable_us_ = now_us;
  observe_at_us_ = std::min(observe_at_us_, now_us);
  if (pending.purpose == Purpose::hand_over || pending.purpose == Purpose::release) {
    must_renew_ = true;
  }
  if (holds()) {
    // A view that came meanwhile may have shown that another node's record stands there.
    if (leader_ && !is_mine(leader_->value)) resolve_holding(now_us);
    return;
  }
  standing_ = Standing::observing;
  const bool is_ours = pending.purpose == Purpose::claim || pending.purpose == Purpose::acquire;
  if (is_ours) loose_acquisition_ = pending.expected;
}

// --- answers ---

std::int64_t LeaseKeeper::leader_age_us(std::int64_t now_us) const {
  return now_us - (holds() ? renewed_us_ : leader_seen_us_);
}

std::int64_t LeaseKeeper::member_age_us(const std::string& node, std::int64_t now_us) const {
  const auto found = members_seen_.find(node);
  return found == members_seen_.end() ? now_us : now_us - found->second.at_us;
}

bool LeaseKeeper::may_write(std::int64_t now_us) const {
  if (standing_ != Standing::holding || must_renew_ || !failure_.empty()) return false;
  return is_pause_recorded_ || now_us < deadline_us_ - rules_.margin();
}

std::vector<std::string> LeaseKeeper::warnings(std::int64_t now_us) const {
  std::vector<std::string> list;
  const bool is_silent = unreachable_us_ && now_us - *unreachable_us_ >= rules_.ttl_us / 3;
  if (is_silent && is_on_promises_) {
    list.emplace_back(
        "the lease store does not answer; this node leads on, for all others promise "
        "to stay: none of them may be lost");
  } else if (is_silent) {
    list.emplace_back("the lease store does not answer");
  }
  if (view_.is_paused) list.emplace_back("automatic takeover is paused (understudy resume)");
  if (wants_fence_) list.emplace_back("the application is fenced: the lease could not be renewed");
  if (!is_vacant(now_us) || view_sent_us_ == 0) return list;
  const auto why = refusal();
  list.push_back(why.empty() ? std::string("nobody leads")
                             : "nobody leads, and this node does not take over: " + why);
  return list;
}

void LeaseKeeper::say(bool is_warning, std::string event, std::string text) {
  actions_.emplace_back(lease::Say{is_warning, std::move(event), std::move(text)});
}

// Not again until something else was said.
void LeaseKeeper::say_once(std::string event, std::string text) {
  if (last_said_ == text) return;
  last_said_ = text;
  say(true, std::move(event), std::move(text));
}

}  // namespace understudy
