// Promotion: from the command, or from the primary's demand, to the subscriber's end.
#include "common/core/clock.h"
#include "common/core/failure_point.h"
#include "common/logging/log.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kPeerAnswer{1000};
constexpr std::chrono::seconds kDrainLimit{10};
constexpr std::chrono::seconds kRoleChangeLimit{60};

// Without the position: made under the mutex.
CommandResult role_is_changing() {
  return {CommandResult::Outcome::refused, "its role is changing already", {}, {}};
}

}  // namespace

CommandResult Supervisor::promote(bool force, bool dry_run) {
  const auto facts = gather_facts(false);
  CommandResult result{.text = {}, .objections = {}, .position = position()};
  bool speaks_against = false;
  auto objections = object_to(facts);
  if (lease_ && facts.role == NodeRole::primary) {
    // Its epoch is the lease's. Who has another log of it holds no lease, and goes by this one.
    objections = {{leads_by_lease(), false, 0}};
  } else {
    add_lease_objections(objections);
  }
  for (auto& objection : objections) {
    speaks_against = speaks_against || !force || !objection.can_be_forced;
    result.objections.push_back(std::move(objection));
  }
  if (speaks_against) {
    result.outcome = CommandResult::Outcome::refused;
    result.text = fmt::format("{} is not promoted; nothing was changed", node_.name());
    return result;
  }
  if (dry_run) {
    result.outcome = CommandResult::Outcome::would_do;
    result.text =
        fmt::format("{} would lead from seq {} on", node_.name(), facts.seqs.received + 1);
    return result;
  }
  if (facts.role == NodeRole::primary) return reopen();
  const auto reason = force ? "promote --force" : "promote";
  auto promoted = lease_ ? promote_by_lease(reason) : carry_out_promotion(reason, 0);
  promoted.objections = std::move(result.objections);  // those that were forced
  return promoted;
}

std::string Supervisor::leads_by_lease() const {
  const auto fork = links_ ? links_->fork() : std::nullopt;
  if (!fork) return fmt::format("it leads already, by its lease, epoch {}", own_epoch());
  const auto& other = fork->node == node_.name() ? fork->other : fork->node;
  return fmt::format(
      "it leads already, by its lease, epoch {}. To end the fork, let the other node begin anew "
      "(its log is kept): understudy reinit --node {}",
      own_epoch(), other);
}

PromotionFacts Supervisor::gather_facts(bool is_switchover) {
  const auto asked_us = monotonic_time_us();
  if (links_ && !is_switchover) {
    (void)links_->refresh(kPeerAnswer, true);
    // One is the lost primary, and refuses. A second one may be starting: that takes longer to
    // know.
    if (links_->unanswered(asked_us).size() > 1) (void)links_->refresh(kPeerAnswer, false);
  }
  const auto status = node_.status();
  PromotionFacts facts{.role = status.role,
                       .state = status.state,
                       .has_state = status.position != Position{},
                       .listens = options_.follow.listen.has_value(),
                       .seqs = status.progression.value_or(Progression{}),
                       .primary_seq = status.primary_seq};
  facts.is_switchover = is_switchover;
  facts.epoch = std::max(own_epoch(), status.position.epoch);
  if (!links_) return facts;
  facts.primary = last_primary();
  facts.is_fork = links_->fork().has_value();
  for (const auto& peer : links_->peers()) {
    if (!peer.is_of_stream || peer.report.epoch < facts.epoch) continue;
    const auto& report = peer.report;
    const bool answers = peer.made_after_us >= asked_us;
    if (report.role == PeerRole::primary) {
      facts.primary = report.node;
      facts.primary_answers = facts.primary_answers || answers;
      facts.primary_seq = std::max(facts.primary_seq.value_or(0), report.position.seq);
    } else if (answers && report.position.seq > facts.seqs.durable) {
      facts.ahead.push_back({report.node, report.epoch, report.position.seq});
    }
  }
  for (const auto& peer : links_->peers()) {
    if (peer.report.node == facts.primary && peer.made_after_us >= asked_us)
      facts.last_primary_is_there = true;
  }
  for (const auto& [endpoint, node] : links_->unanswered(asked_us))
    facts.silent.push_back({node, endpoint.to_string()});
  return facts;
}

// By this node's log; empty: it has none.
std::string Supervisor::last_primary() const {
  const std::lock_guard lock(mutex_);
  return history_.empty() ? std::string() : history_.back().node;
}

CommandResult Supervisor::carry_out_promotion(const std::string& reason, Seq at_least,
                                              Epoch epoch) {
  const auto give_up = [this](std::string why) {
    {
      const std::lock_guard lock(mutex_);
      is_promoting_ = false;
    }
    return refused(why + "; nothing was changed");
  };
  {
    const std::lock_guard lock(mutex_);
    if (is_promoting_ || subscriber_ == nullptr) {
      return role_is_changing();
    }
    is_promoting_ = true;
    promoted_.reset();
  }
  if (!await_drained(at_least)) {
    return give_up("what it received could not be applied in time");
  }
  failure_point("promote_drained");
  if (!options_.hooks.before_promote.empty()) {
    const auto verdict = run_hook(options_.hooks.before_promote,
                                  hook_environment(NodeRole::standby, position().epoch + 1, reason),
                                  options_.hooks.limit);
    if (!verdict.ok) {
      log::error("promotion_vetoed", verdict.text, {{"hook", options_.hooks.before_promote}});
      return give_up("--before-promote failed (" + verdict.text + ")");
    }
  }
  failure_point("promote_allowed");
  {
    const std::lock_guard lock(mutex_);
    if (subscriber_ == nullptr) {
      is_promoting_ = false;
      return {CommandResult::Outcome::refused, "the node is stopping", {}, {}};
    }
    const Epoch seen = links_ ? links_->highest_epoch() : 0;
    plan_ = {Plan::Kind::promote, reason, epoch != 0 ? epoch : seen == 0 ? 0 : seen + 1};
    subscriber_->stop();
  }
  return await_promotion();
}

// Applied is what was received, which is `at_least` or more.
bool Supervisor::await_drained(Seq at_least) {
  const auto deadline = std::chrono::steady_clock::now() + kDrainLimit;
  for (;;) {
    const auto seqs = node_.status().progression.value_or(Progression{});
    if (seqs.applied >= at_least && seqs.applied >= seqs.received) return true;
    if (std::chrono::steady_clock::now() >= deadline || node_.is_stopping()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

CommandResult Supervisor::await_promotion() {
  std::unique_lock lock(mutex_);
  const auto is_over = [this] { return promoted_.has_value(); };
  // Who waits for a lease gives it back when the promotion failed. One that takes long may yet
  // succeed, so that is no failure; the end of the node ends it.
  if (lease_) {
    changed_.wait(lock, is_over);
  } else {
    changed_.wait_for(lock, kRoleChangeLimit, is_over);
  }
  is_promoting_ = false;
  takeover_id_ = 0;
  return promoted_.value_or(CommandResult{
      CommandResult::Outcome::failed, "the role did not change in time; see its status", {}, {}});
}

void Supervisor::finish_promotion(CommandResult result) {
  const std::lock_guard lock(mutex_);
  if (!is_promoting_ || promoted_) return;
  promoted_ = std::move(result);
  changed_.notify_all();
}

// A primary opens a further epoch: what ends a fork.
CommandResult Supervisor::reopen() {
  {
    const std::lock_guard lock(mutex_);
    if (is_promoting_ || publisher_ == nullptr) {
      return role_is_changing();
    }
    is_promoting_ = true;
    promoted_.reset();
  }
  conductor_->post([this] {
    const auto running = publisher();
    if (running == nullptr || !fence_and_drain(*running)) return;
    const std::lock_guard lock(mutex_);
    if (publisher_ == nullptr) return;
    plan_ = {Plan::Kind::reopen, "promote --force", links_ ? links_->highest_epoch() + 1 : 0};
    publisher_->stop();
  });
  return await_promotion();
}

// The primary, fenced and drained, hands over to this node (conductor).
void Supervisor::take_over(const message::Command& command, const Reply& reply) {
  const auto answer = [&](bool ok, const std::string& text) {
    reply({.command_id = 0, .ok = ok, .text = text});
  };
  const auto decline = [&](const std::string& why) {
    {
      const std::lock_guard lock(mutex_);
      declined_takeover_id_ = command.takeover_id;
      takeover_id_ = 0;
    }
    log::warning("takeover_declined", why);
    answer(false, why);
    if (links_) links_->announce();
  };
  {
    const std::lock_guard lock(mutex_);
    if (command.to != fmt::format("{:016x}", process_)) return answer(false, "another process");
    if (command.takeover_id == takeover_id_) return answer(true, "under way");
    if (command.takeover_id == declined_takeover_id_) return answer(false, "declined before");
    if (!lease_) takeover_id_ = command.takeover_id;
  }
  // The demand only says that it is time to look: who leads stands in the lease store.
  if (lease_) {
    lease_->look();
    return answer(true, "under way");
  }
  const auto objections = object_to(gather_facts(true));
  if (!objections.empty()) return decline(objections.front().text);
  const auto result = carry_out_promotion("switchover", command.position.seq);
  if (result.outcome != CommandResult::Outcome::done) return decline(result.text);
  answer(true, result.text);
}

}  // namespace understudy
