// LeaseKeeper without the lease: watches who has it, and takes it when nobody does.
#include "common/core/clock.h"
#include "lease/lease_keeper.h"

#include <fmt/format.h>

#include <utility>

namespace understudy {

void LeaseKeeper::tick_observing(std::int64_t now_us) {
  stand_down_again(now_us);
  if (view_sent_us_ == 0) return;
  if (claim_) return try_claim(now_us);
  if (!wants_to_take_.empty()) return try_take(now_us);
  tick_automatics(now_us);
}

// A primary without the lease was told to stand down, and may have been between two roles then.
void LeaseKeeper::stand_down_again(std::int64_t now_us) {
  if (facts_.role != NodeRole::primary || now_us < told_to_stand_down_us_ + rules_.poll()) return;
  told_to_stand_down_us_ = now_us;
  actions_.emplace_back(
      lease::StandDown{leader_ ? leader_->value.epoch : 0, "it leads without the lease"});
}

// Of this run, on top of what stands there.
void LeaseKeeper::begin_tenure(LeaderRecord& record, Epoch epoch, std::int64_t now_us) const {
  record.node = rules_.node;
  record.process = rules_.process;
  record.epoch = epoch;
  record.ttl_ms = rules_.ttl_us / 1000;
  record.is_offered = record.is_released = false;
  record.is_paused = view_.is_paused;
  if (record.stream.is_nil()) record.stream = facts_.stream;
  record.members = listed(now_us);
  record.since = utc_text(unix_time_us());
  record.renewals = 0;
}

// --- at a start ---

void LeaseKeeper::claim(Epoch epoch) {
  claim_ = epoch;
}

void LeaseKeeper::try_claim(std::int64_t now_us) {
  LeaderRecord record;
  if (leader_) {
    const auto& there = leader_->value;
    // Of another node; or of a later tenure of this one, which its log does not have.
    if (there.node != rules_.node || there.epoch > *claim_) return claim_.reset();
    record = there;
  } else if (now_us < free_since_us()) {
    return;
  }
  begin_tenure(record, *claim_, now_us);
  standing_ = Standing::acquiring;
  send(Purpose::claim, std::move(record), now_us);
}

// --- when nobody leads ---

// Of this run, which is no primary now; or of an earlier one, which is over: its record has stood
// there since this run began. What changes under this node's name is another machine of that name.
bool LeaseKeeper::is_own(const LeaderRecord& record) const {
  if (record.node != rules_.node) return false;
  return record.process == rules_.process || leader_->revision == first_revision_;
}

bool LeaseKeeper::is_offered_here() const {
  return leader_ && leader_->value.is_offered && leader_->value.node == rules_.node &&
         leader_->value.process == rules_.process;
}

// Without a record: somebody may hold the lease whose record was removed. It comes back within a
// ttl. A node that never had a log is of a new cluster.
std::int64_t LeaseKeeper::free_since_us() const {
  if (leader_) return vacant_since_us();
  return facts_.epoch == 0 ? absent_since_us_ : absent_since_us_ + rules_.ttl_us;
}

std::int64_t LeaseKeeper::vacant_since_us() const {
  const auto& record = leader_->value;
  if (record.is_released || is_own(record)) return leader_seen_us_;
  return leader_seen_us_ + std::max(record.ttl_ms * 1000, rules_.ttl_us);
}

bool LeaseKeeper::is_vacant(std::int64_t now_us) const {
  return leader_ && !holds() && now_us >= vacant_since_us();
}

std::size_t LeaseKeeper::rank(std::int64_t now_us) const {
  std::vector<MemberRecord> others;
  for (const auto& [member, revision] : view_.members) {
    if (member_age_us(member.node, now_us) < rules_.ttl_us) others.push_back(member);
  }
  return rank_of(self(now_us), others);
}

void LeaseKeeper::tick_automatics(std::int64_t now_us) {
  if (!leader_ || facts_.role != NodeRole::standby) return;
  if (now_us < promised_until_us_ || now_us < stand_back_until_us_) return;
  if (is_offered_here()) return acquire("switchover", now_us);
  if (!is_vacant(now_us)) {
    last_said_.clear();
    return;
  }
  if (view_.is_paused || (leader_->value.is_paused && !is_own(leader_->value))) {
    return say_once("lease_paused",
                    view_.is_paused
                        ? "nobody leads, and automatics are paused: promote by hand, or "
                          "understudy resume"
                        : "nobody leads, and the last primary has not heard that "
                          "automatics go on: it may be writing without the lease store. "
                          "Make sure that it is down, then: understudy promote --force");
  }
  if (const auto why = refusal(); !why.empty()) {
    return say_once("lease_not_taken", "nobody leads, and this node does not take over: " + why);
  }
  // What the others have must have been seen since.
  if (view_sent_us_ < vacant_since_us()) return;
  const auto turn = vacant_since_us() + static_cast<std::int64_t>(rank(now_us)) * rules_.step();
  if (now_us >= turn) acquire("the lease was free", now_us);
}

void LeaseKeeper::acquire(const std::string& reason, std::int64_t now_us) {
  auto record = leader_ ? leader_->value : LeaderRecord{};
  const auto epoch = std::max(
      {record.epoch + (is_offered_here() ? 0 : 1), facts_.epoch + 1, facts_.highest_epoch + 1});
  offered_seq_ = is_offered_here() ? record.position_seq : 0;
  begin_tenure(record, epoch, now_us);
  standing_ = Standing::acquiring;
  reason_ = reason;
  send(Purpose::acquire, std::move(record), now_us);
}

void LeaseKeeper::on_acquired(const Pending& pending, std::int64_t now_us) {
  standing_ = Standing::holding;
  mine_ = pending.record;
  renewed_us_ = pending.sent_us;
  deadline_us_ = pending.sent_us + rules_.ttl_us;
  ever_listed_ = {mine_.members.begin(), mine_.members.end()};
  is_pause_recorded_ = mine_.is_paused;
  must_renew_ = wants_fence_ = is_fenced_ = said_alarm_ = is_on_promises_ = false;
  failure_.clear();
  heir_.reset();
  round_.reset();
  wants_to_take_.clear();
  last_said_.clear();
  say(false, "lease_taken",
      fmt::format("epoch {}, {}", mine_.epoch,
                  pending.purpose == Purpose::claim ? "going on where its log ends" : reason_));
  claim_.reset();
  leads_or_will_ = pending.purpose == Purpose::claim;
  if (pending.purpose == Purpose::acquire) {
    actions_.emplace_back(lease::Lead{mine_.epoch, reason_, offered_seq_});
  }
  heed_deadline(now_us);
}

// --- by hand ---

void LeaseKeeper::take(const std::string& reason) {
  wants_to_take_ = reason;
}

void LeaseKeeper::try_take(std::int64_t now_us) {
  if (facts_.role != NodeRole::standby) return;
  if (now_us < promised_until_us_ || now_us < free_since_us()) return;
  acquire(wants_to_take_, now_us);
}

std::vector<LeaseKeeper::Objection> LeaseKeeper::object_to_taking(std::int64_t now_us) const {
  std::vector<Objection> objections;
  if (view_sent_us_ == 0 || unreachable_us_) {
    objections.push_back(
        {"the lease store does not answer: without it nobody can be sure to be "
         "alone",
         false});
    return objections;
  }
  if (holds()) {
    objections.push_back({"this node holds the lease already", false});
    return objections;
  }
  const auto left_s = static_cast<double>(free_since_us() - now_us) / 1e6;
  if (!leader_) {
    if (left_s > 0) {
      objections.push_back({fmt::format("the lease's record is gone, and whoever held it may still "
                                        "write: the lease is free in {:.1f} s",
                                        left_s),
                            false});
    }
    return objections;
  }
  const auto& record = leader_->value;
  if (left_s > 0) {
    objections.push_back(
        {fmt::format("{} holds the lease: to move it, understudy switchover; if it is lost, the "
                     "lease is free in {:.1f} s",
                     record.node, left_s),
         false});
  }
  if (now_us < promised_until_us_) {
    objections.push_back({record.node + " cannot reach the lease store, and leads on the promise "
                                        "of all others, this one's too, not to take over",
                          false});
  }
  if (record.is_paused && !is_own(record)) {
    objections.push_back(
        {fmt::format("automatics are paused: {} may go on writing without the "
                     "lease store; make sure that it is down",
                     record.node)});
  }
  if (const auto why = refusal(); !why.empty()) objections.push_back({why});
  return objections;
}

// --- for a holder that cannot reach the store ---

// A promise: it binds this node alone, but each listed member gives one, and nobody else may take
// over. A run of this node that begins later waits a ttl from its first sight of the record.
bool LeaseKeeper::on_stay_request(const lease::StayRequest& request, std::int64_t now_us) {
  if (standing_ != Standing::observing || pending_ || loose_acquisition_ ||
      !wants_to_take_.empty() || claim_) {
    return false;
  }
  if (leader_) {
    const auto& record = leader_->value;
    const bool is_its = record.node == request.node && record.process == request.process &&
                        record.epoch == request.epoch;
    if (!is_its || record.is_offered || record.is_released) return false;
  }
  promised_until_us_ = std::max(promised_until_us_, now_us + request.ttl_us);
  return true;
}

}  // namespace understudy
