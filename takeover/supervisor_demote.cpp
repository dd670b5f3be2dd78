// What other nodes say and ask; the primary's way down when a higher epoch is seen; fences.
#include "common/core/failure_point.h"
#include "common/logging/log.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

#include <future>
#include <thread>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kDrainStep{1000};

}  // namespace

// --- what others say ---

PeerReport Supervisor::report() {
  const auto own = node_.status();
  if (is_history_stale(own)) learn_history();
  return describe_self(own);
}

PeerReport Supervisor::describe_self(const Status& status) const {
  PeerReport report;
  report.node = node_.name();
  report.stream = status.stream_id.is_nil() ? node_.identity().stream : status.stream_id;
  report.process = process_;
  report.state = std::string(to_string(status.state));
  report.position = status.position;
  report.applied = status.position.seq;
  report.followed = status.followed;
  report.is_fenced = is_fenced_;
  if (status.sync) report.sync_standbys = static_cast<std::uint32_t>(status.sync->wanted);
  if (status.progression) {
    report.applied = status.progression->applied;
    if (status.progression->durable != status.position.seq) {
      report.position = {status.position.epoch, status.progression->durable, 0};
    }
  }
  const std::lock_guard lock(mutex_);
  report.role = superseded_by_ ? PeerRole::none : role_;
  if (!history_.empty()) {
    report.epoch = history_.back().epoch;
    report.tenure = history_.back().tenure;
  }
  report.takeover_id = takeover_id_;
  report.declined_takeover_id = declined_takeover_id_;
  return report;
}

void Supervisor::on_report(const PeerReport& report) {
  if (links_) links_->on_visit(report);
}

void Supervisor::on_command(const message::Command& command, Reply reply) {
  if (!links_) return reply({.command_id = 0, .ok = false, .text = "this node has no --peers"});
  if (command.kind == CommandKind::stay) return promise_to_stay(command, reply);
  if (command.kind == CommandKind::reinit) {
    const auto begun = command.to == node_.name() ? begin_anew() : refused("another node");
    return reply(
        {.command_id = 0, .ok = begun.outcome == CommandResult::Outcome::done, .text = begun.text});
  }
  if (command.kind == CommandKind::take_over) {
    conductor_->post([this, command, reply] { take_over(command, reply); });
    return;
  }
  conductor_->post([this, command, reply] {
    auto result = begin_switchover(command.to, command.dry_run, [reply](CommandResult ended) {
      reply({.command_id = 0,
             .ok = ended.outcome == CommandResult::Outcome::done,
             .text = ended.text});
    });
    if (result.outcome == CommandResult::Outcome::done) return;  // begun
    auto text = result.text;
    for (const auto& objection : result.objections) text += "; " + objection.text;
    reply({.command_id = 0,
           .ok = result.outcome == CommandResult::Outcome::would_do,
           .text = std::move(text)});
  });
}

void Supervisor::on_peer_event(const PeerEvent& event) {
  const bool bad = event.kind == PeerEvent::Kind::forked ||
                   event.kind == PeerEvent::Kind::name_shared ||
                   event.kind == PeerEvent::Kind::foreign_stream;
  if (bad) {
    log::error("peer", to_string(event));
  } else {
    log::info("peer", to_string(event));
  }
  if (event.kind == PeerEvent::Kind::forked) {
    log::error("forked",
               lease_
                   ? "two nodes have led the same epoch, each by a promotion of its own; neither "
                     "follows the other. Who holds the lease stays; let the other one begin anew: "
                     "understudy reinit --node NODE"
                   : "two nodes lead the same epoch, each by a promotion of its own; neither "
                     "follows the other. Decide which one is to stay, and run there: "
                     "understudy promote --force",
               {{"epoch", event.epoch}, {"node", event.node}, {"other", event.other}});
  }
  say_weakened();
  heed_higher_epoch();
  if (event.kind != PeerEvent::Kind::primary_found) return;
  const auto endpoint = links_->endpoint_of(event.node);
  const std::lock_guard lock(mutex_);
  if (endpoint && subscriber_ != nullptr) subscriber_->prefer(*endpoint);
}

void Supervisor::say_trouble(const LinkTrouble& trouble) {
  log::warning("peer_refused", trouble.text,
               {{"endpoint", trouble.endpoint}, {"times", trouble.times}});
}

// --- standing down ---

// By each tick too, not only by events: one may have come while no publisher ran.
void Supervisor::heed_higher_epoch() {
  const Epoch highest = links_ ? links_->highest_epoch() : 0;
  if (highest <= own_epoch() || publisher() == nullptr) return;
  learn_history();  // it may be of our own making
  if (highest <= own_epoch()) return;
  if (switchover_) {
    switchover_->on_higher_epoch(highest);
    return drive_switchover();
  }
  stand_down(highest, fmt::format("a peer knows of epoch {}", highest));
}

void Supervisor::stand_down(Epoch epoch, const std::string& why) {
  const auto running = publisher();
  const Epoch own = own_epoch();
  {
    const std::lock_guard lock(mutex_);
    if (running == nullptr || superseded_by_ || role_ != PeerRole::primary) return;
    superseded_by_ = epoch;
  }
  log::error("superseded", "another node leads; the application is fenced, this node will follow",
             {{"own_epoch", own}, {"epoch", epoch}, {"why", why}});
  node_.record([own](NodeIdentity& identity) { identity.demoted_from = own; });
  failure_point("demote_recorded");
  running->stop_serving();
  if (!fence_and_drain(*running)) return;
  failure_point("demote_drained");
  const std::lock_guard lock(mutex_);
  if (publisher_ == nullptr) return;
  plan_ = {Plan::Kind::stand_down, why, 0};
  publisher_->stop();
}

// Takes as long as the application's open transaction, and as the disk.
bool Supervisor::fence_and_drain(Publisher& running) {
  while (!conductor_->is_stopping() && !node_.is_stopping()) {
    if (!take_fence(kDrainStep)) continue;
    failure_point("demote_fenced");
    if (running.drain(kDrainStep)) return true;
  }
  return false;
}

bool Supervisor::take_fence(std::chrono::milliseconds patience) {
  const std::lock_guard lock(fence_mutex_);
  if (fence_ && !fence_->is_held() && fence_->has_moved()) fence_.reset();
  if (!fence_) fence_.emplace(node_.database());
  is_fenced_ = fence_->take(patience);
  return is_fenced_;
}

// The lease is asked with the mutex held: who finds that it must be taken waits, and takes it.
bool Supervisor::drop_fence() {
  const auto epoch = own_epoch();
  const std::lock_guard lock(fence_mutex_);
  if (!lease_allows(epoch)) return false;
  if (fence_) fence_->release();
  is_fenced_ = false;
  return true;
}

// Conductor. By each tick too, with a lease: a renewal that comes between two looks tells nobody.
void Supervisor::drop_unwanted_fence() {
  if (!is_fenced_ || switchover_ || node_.identity().fenced) return;
  {
    const std::lock_guard lock(mutex_);
    if (role_ != PeerRole::primary || superseded_by_ || is_promoting_) return;
  }
  (void)drop_fence();
}

CommandResult Supervisor::fence() {
  if (publisher() == nullptr) {
    return refused("a standby is read-only already; fence the primary");
  }
  // On record first: whoever drops what nobody wants goes by it.
  node_.record([](NodeIdentity& identity) { identity.fenced = true; });
  if (!take_fence(std::chrono::seconds(10))) {
    node_.record([](NodeIdentity& identity) { identity.fenced = false; });
    (void)drop_fence();
    return refused(
        "the application's open transaction did not end within 10 s; nothing was changed");
  }
  say_weakened();
  log::warning("fenced", "the operator fenced this database");
  return done("writers get SQLITE_BUSY until: understudy unfence");
}

CommandResult Supervisor::unfence() {
  if (publisher() == nullptr) {
    return refused("a standby stays read-only");
  }
  if (!lease_allows(own_epoch())) {
    return refused("this node does not hold the lease: another one may lead");
  }
  node_.record([](NodeIdentity& identity) { identity.fenced = false; });
  const auto dropped = std::make_shared<std::promise<bool>>();
  auto future = dropped->get_future();
  conductor_->post([this, dropped] {
    if (switchover_) switchover_->on_unfenced_by_operator();
    drive_switchover();
    dropped->set_value(drop_fence());
  });
  while (future.wait_for(kLook) != std::future_status::ready) {
    if (node_.is_stopping()) return stopping();
  }
  {
    const std::lock_guard lock(mutex_);
    stuck_.clear();
  }
  say_weakened();
  if (!future.get()) {
    return failed(
        "the operator's fence is off; the lease keeps the application fenced until it is "
        "renewed");
  }
  log::warning("unfenced", "the application may write");
  return done("the application may write");
}

void Supervisor::say_weakened() {
  std::vector<std::string> warnings;
  if (node_.identity().fenced) {
    warnings.emplace_back("the application is fenced by the operator (understudy unfence)");
  }
  if (links_) {
    if (const auto fork = links_->fork()) {
      warnings.push_back(fmt::format(
          "{} and {} both lead epoch {}: run `understudy {}", fork->node, fork->other, fork->epoch,
          lease_ ? "reinit --node NODE` for the one that does not hold the lease"
                 : "promote --force` on the one that is to stay"));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    if (!stuck_.empty()) warnings.push_back(stuck_);
  }
  if (lease_) {
    for (auto& warning : lease_->status().warnings) warnings.push_back(std::move(warning));
  }
  node_.set_warnings(std::move(warnings));
}

}  // namespace understudy
