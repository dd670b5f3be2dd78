// LeaseNode: leading, following, and what an operator does.
#include "tests/simulation/lease_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy::sim {
namespace {

constexpr std::int64_t kTryFence_us = 2'000;  // each so often

}  // namespace

// --- leading ---

void LeaseNode::lead(Epoch epoch, const std::string& reason) {
  if (leads_ || is_changing_) return keeper_->on_lead_failed("its role is changing", local_now());
  if (reason == "switchover") ++world_.counts.offers_taken;
  if (world_.chance.in_thousand(30)) {
    ++world_.counts.failed;
    return keeper_->on_lead_failed("a hook said no", local_now());
  }
  is_changing_ = true;
  wants_fence_ = is_fenced_ = false;
  say(fmt::format("is to lead epoch {}: {}", epoch, reason));
  later(world_.chance.between(1'000, world_.pace.promotion_us), [this, epoch] {
    log_.push_back({epoch, 0, name_});
    if (!keeper_->may_write(local_now()) || keeper_->held_epoch() != epoch) {
      ++world_.counts.failed;
      demoted_from_ = epoch;
      is_changing_ = false;
      say("the lease was lost before it could lead");
      keeper_->on_lead_failed("it took too long", local_now());
      return;
    }
    begin_to_lead();
  });
}

void LeaseNode::begin_to_lead() {
  ++world_.counts.leads;
  leads_ = true;
  is_copied_ = false;
  is_changing_ = is_fenced_ = wants_fence_ = is_streaming_ = false;
  heard_.clear();
  acknowledged_ = 0;
  say(fmt::format("leads epoch {}", last_epoch()));
  if (sync_count_ != 0) {
    const auto& record = keeper_->leader()->value;
    sync_ = std::make_unique<SyncSet>(name_, sync_count_, record.sync);
    sync_->begin(log_.size());
  }
  world_.on_writable(*this);
  every_write();
}

void LeaseNode::stand_down(const std::string& why) {
  say("stands down: " + why);
  if (!leads_ || std::exchange(is_standing_down_, true)) return;
  ++world_.counts.stood_down;
  wants_fence_ = true;
  try_fence();
  demoted_from_ = last_epoch();
}

// SQLite's write lock: who holds a transaction open keeps it from us.
void LeaseNode::try_fence() {
  if (!wants_fence_) return;
  const auto left = open_until_ - world_.events.now();
  if (!is_fenced_ && left > 0) {
    ++world_.counts.late_fences;
    return later(left + world_.chance.between(0, kTryFence_us), [this] { try_fence(); });
  }
  if (sabotage_ == LeaseSabotage::no_fence && !is_standing_down_) return;
  is_fenced_ = true;
  if (!is_standing_down_) return;
  is_standing_down_ = false;
  is_changing_ = true;
  later(world_.chance.between(1'000, world_.pace.promotion_us), [this] {
    leads_ = is_changing_ = hands_over_ = false;
    sync_.reset();
    every_follow();
  });
}

// --- following ---

void LeaseNode::every_follow() {
  if (leads_) return;
  later(world_.chance.between(5'000, 60'000), [this] { every_follow(); });
  is_streaming_ = false;
  if (is_changing_) return;
  const LeaseNode* upstream = nullptr;
  for (const auto& other : world_.nodes) {
    const bool is_heard = other.get() != this && other->is_running() && other->leads_ &&
                          !world_.is_parted(index_, other->index_) &&
                          !world_.is_parted(other->index_, index_);
    if (is_heard && (!upstream || other->last_epoch() > upstream->last_epoch())) {
      upstream = other.get();
    }
  }
  if (upstream && upstream->last_epoch() >= last_epoch()) follow(*upstream);
}

void LeaseNode::follow(const LeaseNode& upstream) {
  const auto& theirs = upstream.log_;
  is_copied_ = is_copied_ || log_.empty();
  // Each entry was made once, on top of those before it: where one is the same, all before it are.
  auto parting = std::min(log_.size(), theirs.size());
  while (parting != 0 && log_[parting - 1] != theirs[parting - 1]) --parting;
  if (parting < log_.size()) {
    ++world_.counts.rewinds;
    log_.resize(parting);
  }
  const auto more = std::min<std::size_t>(theirs.size() - parting, 1 + world_.chance.below(200));
  log_.insert(log_.end(), theirs.begin() + static_cast<long>(parting),
              theirs.begin() + static_cast<long>(parting + more));
  is_streaming_ = true;
  auto& to = *world_.nodes[upstream.index_];
  to.later(world_.chance.between(100, 30'000),
           [&to, name = name_, durable = log_.size(), epoch = upstream.last_epoch()] {
             if (!to.leads_ || to.last_epoch() != epoch) return;
             to.heard_[name] = {durable, to.local_now()};
           });
}

// --- the operator ---

void LeaseNode::switch_over_to(const LeaseNode& target) {
  if (!is_writable() || hands_over_ || !target.is_up_ || target.leads_ || !target.is_streaming_) {
    return;
  }
  if (world_.events.now() < open_until_) return;
  hands_over_ = is_fenced_ = true;
  say("hands over to " + target.name_);
  finish_handing_over(world_.events.now() + 3'000'000);
}

// The target is given the lease only once it has all of it.
void LeaseNode::finish_handing_over(std::int64_t until) {
  if (!leads_ || !hands_over_) return;
  const LeaseNode* target = nullptr;
  for (const auto& node : world_.nodes) {
    if (node->is_streaming_ && node->is_up_ && node->log_ == log_) target = node.get();
  }
  if (target != nullptr && keeper_->standing() == LeaseKeeper::Standing::holding) {
    ++world_.counts.handed_over;
    keeper_->hand_over(target->name_, target->process_, log_.size());
  }
  if (world_.events.now() < until) {
    return later(50'000, [this, until] { finish_handing_over(until); });
  }
  hands_over_ = false;
  // It may write again only once a renewal has shown that nobody else does.
  keeper_->give_up_handing_over();
  if (!keeper_->may_write(local_now())) return;
  is_fenced_ = false;
  world_.on_writable(*this);
  say("goes on");
}

void LeaseNode::take() {
  if (!is_up_ || !decided_ || leads_ || is_changing_) return;
  if (!keeper_->object_to_taking(local_now()).empty()) return;
  keeper_->take("by hand");
  later(1'000'000, [this] { keeper_->give_up_taking(); });
}

void LeaseNode::take_by_force() {
  if (!is_up_ || !decided_ || leads_ || is_changing_) return;
  for (const auto& objection : keeper_->object_to_taking(local_now())) {
    if (!objection.can_be_forced) return;
  }
  keeper_->take("by hand, with force");
  later(1'000'000, [this] { keeper_->give_up_taking(); });
}

}  // namespace understudy::sim
