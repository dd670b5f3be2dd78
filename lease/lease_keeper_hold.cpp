// LeaseKeeper with the lease: renews it, fences in time when it cannot, hands it over.
#include "lease/lease_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

constexpr std::int64_t kLeastRound_us = 400'000;

// What is acknowledged grows all the time. What stands there is enough while commits wait; that
// they do not any more is news, which brings the last of it along.
bool is_same_set(std::optional<SyncRecord> a, const std::optional<SyncRecord>& b) {
  if (a && b) a->acknowledged = b->acknowledged;
  return a == b;
}

// What others are to know at once; the rest waits for the next renewal.
bool differs_in_news(const LeaderRecord& a, const LeaderRecord& b) {
  return !is_same_set(a.sync, b.sync) || a.is_paused != b.is_paused || a.members != b.members ||
         a.led_node != b.led_node || a.led_epoch != b.led_epoch || a.stream != b.stream;
}

}  // namespace

void LeaseKeeper::tick_holding(std::int64_t now_us) {
  give_back_when_unused(now_us);
  if (!pending_) {
    const bool is_retry_due =
        attempted_us_ <= renewed_us_ || now_us - attempted_us_ >= rules_.retry();
    if (!is_retry_due) {
      // too soon after an attempt that failed
    } else if (!failure_.empty()) {
      auto record = mine_;
      record.is_released = true;
      ++record.renewals;
      send(Purpose::release, std::move(record), now_us);
    } else if (heir_) {
      hand_over_when_due(now_us);
    } else {
      renew_when_due(now_us);
    }
  }
  ask_to_stay_when_due(now_us);
  heed_deadline(now_us);
}

// It led, or claimed to, and follows now: the lease is of no use to it, and kept from others.
void LeaseKeeper::give_back_when_unused(std::int64_t now_us) {
  if (facts_.role == NodeRole::primary) leads_or_will_ = true;
  if (facts_.role != NodeRole::standby || !leads_or_will_) return;
  leads_or_will_ = false;
  on_lead_failed("it holds the lease, and does not lead any more", now_us);
}

// --- renewing ---

// Those that the next holder may be among, and that are asked when the store is gone. Silent ones
// are left out in time, and are listed again when they are back.
std::vector<std::string> LeaseKeeper::listed(std::int64_t now_us) const {
  std::vector<std::string> names{rules_.node};
  for (const auto& [member, revision] : view_.members) {
    if (member.node != rules_.node && is_to_list(member.node, now_us)) names.push_back(member.node);
  }
  std::ranges::sort(names);
  return names;
}

// One that the last holder had left out, and that has not been heard of since, is left out here,
// too: how long it has been silent this run does not know.
bool LeaseKeeper::is_to_list(const std::string& node, std::int64_t now_us) const {
  const auto seen = members_seen_.find(node);
  if (seen == members_seen_.end() || now_us - seen->second.at_us >= rules_.listed_for()) {
    return false;
  }
  if (seen->second.lives || !leader_) return true;
  const auto& listed = leader_->value.members;
  return std::ranges::find(listed, node) != listed.end();
}

LeaderRecord LeaseKeeper::next_record(std::int64_t now_us) const {
  auto record = mine_;
  ++record.renewals;
  record.members = listed(now_us);
  record.is_paused = view_.is_paused;
  if (record.stream.is_nil()) record.stream = facts_.stream;
  if (facts_.role != NodeRole::primary || facts_.led_epoch != record.epoch) return record;
  record.led_node = rules_.node;
  record.led_epoch = record.epoch;
  record.position_epoch = facts_.durable_epoch;
  record.position_seq = facts_.durable;
  record.position_first = facts_.epoch_first;
  record.position_after = facts_.epoch_before;
  record.sync = facts_.sync;
  return record;
}

void LeaseKeeper::renew_when_due(std::int64_t now_us) {
  auto record = next_record(now_us);
  const bool is_due = now_us >= renewed_us_ + rules_.ttl_us / 3 || must_renew_ ||
                      attempted_us_ > renewed_us_ || differs_in_news(mine_, record);
  if (!is_due) return;
  // From here on others may count its age again, so this node does.
  if (is_pause_recorded_ && !record.is_paused) {
    is_pause_recorded_ = false;
    deadline_us_ = std::max(deadline_us_, now_us + rules_.ttl_us);
  }
  ever_listed_.insert(record.members.begin(), record.members.end());
  send(Purpose::renew, std::move(record), now_us);
}

void LeaseKeeper::on_renewed(const Pending& pending, std::int64_t now_us) {
  mine_ = pending.record;
  renewed_us_ = pending.sent_us;
  ever_listed_ = {mine_.members.begin(), mine_.members.end()};
  is_pause_recorded_ = mine_.is_paused;
  must_renew_ = false;
  round_.reset();
  if (std::exchange(is_on_promises_, false)) {
    say(false, "lease_store_back", "the lease is renewed in the store again");
  }
  actions_.emplace_back(lease::Recorded{mine_});
  extend(pending.sent_us + rules_.ttl_us, now_us);
}

void LeaseKeeper::extend(std::int64_t deadline_us, std::int64_t now_us) {
  deadline_us_ = std::max(deadline_us_, deadline_us);
  const bool is_safe = is_pause_recorded_ || now_us < deadline_us_ - rules_.margin();
  if (!is_safe || !wants_fence_ || must_renew_) return;
  wants_fence_ = is_fenced_ = said_alarm_ = false;
  say(false, "lease_kept", "renewed in time: the application may write again");
  actions_.emplace_back(lease::Unfence{});
}

bool LeaseKeeper::is_mine(const LeaderRecord& record) const {
  return record.node == rules_.node && record.process == rules_.process &&
         record.epoch == mine_.epoch && !record.is_offered && !record.is_released;
}

// What stands there is known, and no swap of this node is under way.
void LeaseKeeper::resolve_holding(std::int64_t now_us) {
  if (!leader_ || is_mine(leader_->value)) {
    // Removed by somebody, or a swap of unknown outcome did happen: go on from what is there.
    const bool is_behind = !leader_ || leader_->value.renewals != mine_.renewals;
    if (is_behind) attempted_us_ = std::min(attempted_us_, now_us - rules_.retry());
    return;
  }
  const auto& record = leader_->value;
  if (record.node == rules_.node && record.is_released) return lose("given back", now_us);
  lose(fmt::format("{} holds the lease of epoch {}", record.node, record.epoch), now_us);
}

// --- handing over ---

void LeaseKeeper::hand_over(const std::string& node, std::uint64_t process, Seq position) {
  if (standing_ != Standing::holding) return;
  heir_ = {node, process, position};
  standing_ = Standing::handing;
}

void LeaseKeeper::give_up_handing_over() {
  if (standing_ != Standing::handing) return;
  heir_.reset();
  standing_ = Standing::holding;
  must_renew_ = true;  // what was sent may happen yet
  if (!std::exchange(wants_fence_, true)) actions_.emplace_back(lease::Fence{});
}

void LeaseKeeper::hand_over_when_due(std::int64_t now_us) {
  auto record = next_record(now_us);
  record.node = heir_->node;
  record.process = heir_->process;
  record.position_seq = std::max(record.position_seq, heir_->position);
  record.epoch = std::max({mine_.epoch, facts_.epoch, facts_.highest_epoch}) + 1;
  record.is_offered = true;
  send(Purpose::hand_over, std::move(record), now_us);
}

void LeaseKeeper::on_lead_failed(const std::string& why, std::int64_t now_us) {
  stand_back_until_us_ = now_us + 2 * rules_.ttl_us;
  if (!holds()) return;
  say(true, "lease_given_back", why);
  failure_ = why;
  attempted_us_ = std::min(attempted_us_, now_us - rules_.retry());
}

// --- when the store does not answer ---

void LeaseKeeper::ask_to_stay_when_due(std::int64_t now_us) {
  const bool is_failing = attempted_us_ > renewed_us_ && now_us >= renewed_us_ + rules_.ttl_us / 2;
  if (!is_failing || is_pause_recorded_) return;
  if (standing_ != Standing::holding || facts_.role != NodeRole::primary) return;
  if (round_ && now_us - round_->asked_us < std::max(kLeastRound_us, rules_.ttl_us / 6)) return;
  Round round{++rounds_, now_us, ever_listed_, false};
  round.waiting.erase(rules_.node);
  std::vector<std::string> nodes(round.waiting.begin(), round.waiting.end());
  round_ = std::move(round);
  if (nodes.empty()) {
    is_on_promises_ = true;
    return extend(now_us + rules_.ttl_us, now_us);
  }
  actions_.emplace_back(lease::AskToStay{rounds_, std::move(nodes)});
}

void LeaseKeeper::on_stay_answer(std::uint64_t round, const std::string& node, bool agrees,
                                 std::int64_t now_us) {
  if (!holds() || !round_ || round_->number != round) return;
  if (!agrees) {
    round_->is_refused = true;
    return say_once("lease_not_agreed", node + " does not agree that this node leads on");
  }
  if (round_->waiting.erase(node) == 0 || !round_->waiting.empty() || round_->is_refused) return;
  if (!std::exchange(is_on_promises_, true)) {
    say(true, "lease_on_promises",
        "the lease store does not answer, but all nodes do, and promise to stay: it leads on");
  }
  extend((rules_.counts_from_answer ? now_us : round_->asked_us) + rules_.ttl_us, now_us);
}

void LeaseKeeper::heed_deadline(std::int64_t now_us) {
  if (!holds() || is_pause_recorded_) return;
  const auto margin_us = rules_.margin();
  if (now_us < deadline_us_ - margin_us) return;
  if (!std::exchange(wants_fence_, true)) {
    say(true, "lease_late", "the lease could not be renewed in time: the application is fenced");
    actions_.emplace_back(lease::Fence{});
  }
  const bool may_be_writing = facts_.role == NodeRole::primary && !is_fenced_;
  if (now_us >= deadline_us_ - margin_us / 2 && may_be_writing &&
      !std::exchange(said_alarm_, true)) {
    actions_.emplace_back(lease::Alarm{});
  }
  if (now_us >= deadline_us_) lose("it could not be renewed in time", now_us);
}

void LeaseKeeper::lose(const std::string& why, std::int64_t now_us) {
  standing_ = Standing::observing;
  round_.reset();
  heir_.reset();
  failure_.clear();
  is_on_promises_ = wants_fence_ = leads_or_will_ = false;
  told_to_stand_down_us_ = now_us;
  actions_.emplace_back(lease::StandDown{leader_ ? leader_->value.epoch : 0, why});
}

}  // namespace understudy
