// The primary's way down: a higher epoch is seen, or the operator moves the primary; fencing.
#include "common/core/clock.h"
#include "common/logging/log.h"
#include "takeover/failure_point.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

#include <future>
#include <random>
#include <thread>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kDrainStep{1000};
constexpr std::chrono::milliseconds kDemandTimeout{400};
constexpr std::chrono::seconds kForwardedTimeout{60};
constexpr std::chrono::milliseconds kLook{20};
constexpr std::chrono::seconds kSwitchoverLimit{90};

std::optional<NodeRole> to_node_role(PeerRole role) {
  if (role == PeerRole::primary) return NodeRole::primary;
  if (role == PeerRole::standby) return NodeRole::standby;
  return std::nullopt;
}

CommandResult stopping() {
  return {CommandResult::Outcome::failed, "the node is stopping", {}, {}};
}

}  // namespace

// --- what others say ---

PeerReport Supervisor::report() {
  const auto status = node_.status();
  PeerReport report;
  report.node = node_.name();
  report.stream = status.stream_id.is_nil() ? node_.identity().stream : status.stream_id;
  report.process = process_;
  report.state = std::string(to_string(status.state));
  report.position = status.position;
  report.applied = status.position.seq;
  if (status.progression) {
    report.applied = status.progression->applied;
    if (status.progression->durable != status.position.seq) {
      report.position = {status.position.epoch, status.progression->durable, 0};
    }
  }
  bool is_stale = false;
  {
    const std::lock_guard lock(mutex_);
    is_stale = role_ == PeerRole::standby && !history_.empty() &&
               status.position.epoch > history_.back().epoch;
    is_stale = is_stale || (history_.empty() && status.position.epoch != 0);
  }
  if (is_stale) learn_history();
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
  log::write(bad ? log::Level::error : log::Level::info, "peer", to_string(event), {});
  if (event.kind == PeerEvent::Kind::forked) {
    log::error("forked",
               "two nodes lead the same epoch, each by a promotion of its own; neither follows the "
               "other. Decide which one is to stay, and run there: understudy promote --force",
               {{"epoch", event.epoch}, {"node", event.node}, {"other", event.other}});
  }
  say_weakened();
  const Epoch highest = links_->highest_epoch();
  if (highest > own_epoch()) learn_history();  // it may be of our own making
  const Epoch own = own_epoch();
  if (highest > own && publisher() != nullptr) {
    if (switchover_) {
      switchover_->on_higher_epoch(highest);
      return drive_switchover();
    }
    stand_down(highest, fmt::format("{} knows of epoch {}", event.node, highest));
  }
  if (event.kind != PeerEvent::Kind::primary_found) return;
  const auto endpoint = links_->endpoint_of(event.node);
  const std::lock_guard lock(mutex_);
  if (endpoint && subscriber_ != nullptr) subscriber_->prefer(*endpoint);
}

// --- standing down ---

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
  if (!fence_) fence_.emplace(node_.database());
  return fence_->take(patience);
}

void Supervisor::drop_fence() {
  const std::lock_guard lock(fence_mutex_);
  fence_.reset();
}

CommandResult Supervisor::fence() {
  if (publisher() == nullptr) {
    return {CommandResult::Outcome::refused,
            "a standby is read-only already; fence the primary",
            {},
            position()};
  }
  if (!take_fence(std::chrono::seconds(10))) {
    drop_fence();
    return {CommandResult::Outcome::refused,
            "the application's open transaction did not end within 10 s; nothing was changed",
            {},
            position()};
  }
  node_.record([](NodeIdentity& identity) { identity.fenced = true; });
  say_weakened();
  log::warning("fenced", "the operator fenced this database");
  return {CommandResult::Outcome::done,
          "writers get SQLITE_BUSY until: understudy unfence",
          {},
          position()};
}

CommandResult Supervisor::unfence() {
  if (publisher() == nullptr) {
    return {CommandResult::Outcome::refused, "a standby stays read-only", {}, position()};
  }
  const auto done = std::make_shared<std::promise<void>>();
  auto future = done->get_future();
  conductor_->post([this, done] {
    if (switchover_) switchover_->on_unfenced_by_operator();
    drive_switchover();
    drop_fence();
    done->set_value();
  });
  while (future.wait_for(kLook) != std::future_status::ready) {
    if (node_.is_stopping()) return stopping();
  }
  node_.record([](NodeIdentity& identity) { identity.fenced = false; });
  {
    const std::lock_guard lock(mutex_);
    stuck_.clear();
  }
  say_weakened();
  log::warning("unfenced", "the application may write");
  return {CommandResult::Outcome::done, "the application may write", {}, position()};
}

void Supervisor::say_weakened() {
  std::vector<std::string> warnings;
  if (node_.identity().fenced) {
    warnings.emplace_back("the application is fenced by the operator (understudy unfence)");
  }
  if (links_) {
    if (const auto fork = links_->fork()) {
      warnings.push_back(fmt::format(
          "{} and {} both lead epoch {}: run `understudy promote --force` on the one that is to "
          "stay",
          fork->node, fork->other, fork->epoch));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    if (!stuck_.empty()) warnings.push_back(stuck_);
  }
  node_.set_warnings(std::move(warnings));
}

// --- switchover ---

CommandResult Supervisor::switchover(const std::string& to, bool dry_run) {
  if (!links_) {
    return {CommandResult::Outcome::refused,
            "this node has no --peers: it knows no other one",
            {},
            position()};
  }
  (void)links_->refresh(std::chrono::milliseconds(1000), true);
  if (publisher() != nullptr) {
    const auto ended = std::make_shared<std::promise<CommandResult>>();
    auto future = ended->get_future();
    conductor_->post([this, to, dry_run, ended] {
      auto begun = begin_switchover(
          to, dry_run, [ended](CommandResult result) { ended->set_value(std::move(result)); });
      if (begun.outcome != CommandResult::Outcome::done) ended->set_value(std::move(begun));
    });
    const auto deadline = std::chrono::steady_clock::now() + kSwitchoverLimit;
    while (future.wait_for(kLook) != std::future_status::ready) {
      if (node_.is_stopping()) return stopping();
      if (std::chrono::steady_clock::now() < deadline) continue;
      return {CommandResult::Outcome::failed,
              "it is not over yet; see the status of both nodes",
              {},
              position()};
    }
    return future.get();
  }
  const auto primary = links_->primary();
  const auto endpoint = primary ? links_->endpoint_of(primary->report.node) : std::nullopt;
  if (!endpoint) {
    return {CommandResult::Outcome::refused,
            "no primary answers; to replace a lost one: understudy promote",
            {},
            position()};
  }
  message::Command command;
  command.kind = CommandKind::switchover;
  command.to = to;
  command.dry_run = dry_run;
  return forward(*endpoint, std::move(command));
}

// To the primary. Its port closes with its role, so who leads then tells more than its silence.
CommandResult Supervisor::forward(const Endpoint& primary, message::Command command) {
  const auto to = command.to;
  const auto good =
      command.dry_run ? CommandResult::Outcome::would_do : CommandResult::Outcome::done;
  const auto ended = std::make_shared<std::promise<CommandOutcome>>();
  auto future = ended->get_future();
  links_->send_command(primary, std::move(command), kForwardedTimeout,
                       [ended](CommandOutcome outcome) { ended->set_value(std::move(outcome)); });
  while (future.wait_for(kLook) != std::future_status::ready) {
    const auto now = links_->primary();
    const bool moved = (now && now->report.node == to) || (to == node_.name() && publisher());
    if (moved) return {CommandResult::Outcome::done, to + " leads", {}, position()};
    if (node_.is_stopping()) return stopping();
  }
  const auto outcome = future.get();
  if (outcome.kind != CommandOutcome::Kind::answered) {
    return {CommandResult::Outcome::failed,
            "the primary does not answer; see its status",
            {},
            position()};
  }
  return {outcome.reply.ok ? good : CommandResult::Outcome::refused,
          outcome.reply.text,
          {},
          position()};
}

// On the conductor. done: it is begun, and `ended` will be called; else what speaks against it.
CommandResult Supervisor::begin_switchover(const std::string& to, bool dry_run,
                                           std::function<void(CommandResult)> ended) {
  CommandResult refused{CommandResult::Outcome::refused, "nothing was changed", {}, position()};
  const auto object = [&refused](std::string text) {
    refused.objections.push_back({std::move(text), false, 0});
  };
  if (publisher() == nullptr) object("this node is not the primary");
  if (switchover_) object("a switchover to " + switchover_->target() + " is under way");
  if (to == node_.name()) object(to + " is the primary already");
  if (!links_->endpoint_of(to)) (void)links_->refresh(std::chrono::milliseconds(1000), false);
  const auto peer = links_->find(to);
  const auto endpoint = links_->endpoint_of(to);
  if (!peer || !endpoint || peer->is_silent) {
    object("no node " + to + " answers among the peers");
  } else if (peer->report.role != PeerRole::standby ||
             peer->report.state != to_string(NodeState::streaming)) {
    object(fmt::format("{} is not a standby that streams: it is {}", to, peer->report.state));
  }
  if (!refused.objections.empty()) return refused;
  if (dry_run) {
    return {CommandResult::Outcome::would_do,
            fmt::format("{} would hand over to {}, which is at seq {}", node_.name(), to,
                        peer->report.applied),
            {},
            position()};
  }
  std::random_device source;
  const std::uint64_t id = (std::uint64_t{source()} << 32) | source() | 1;
  switchover_.emplace(id, to, peer->report.process, own_epoch(), monotonic_time_us());
  target_ = endpoint;
  switchover_ended_ = std::move(ended);
  drive_switchover();
  return {CommandResult::Outcome::done, "begun", {}, position()};
}

void Supervisor::drive_switchover() {
  if (!switchover_) return;
  if (const auto peer = links_->find(switchover_->target())) {
    const auto& report = peer->report;
    switchover_->on_report(
        {report.process, to_node_role(report.role), report.epoch, report.declined_takeover_id});
  }
  switchover_->tick(monotonic_time_us());
  for (auto actions = switchover_->take_actions(); !actions.empty();
       actions = switchover_ ? switchover_->take_actions() : std::vector<switchover::Action>{}) {
    for (const auto& action : actions) carry_out(action);
  }
}

void Supervisor::carry_out(const switchover::Action& action) {
  if (std::holds_alternative<switchover::TakeFence>(action)) {
    const bool held = take_fence(std::chrono::milliseconds(kFenceLimit_us / 1000));
    if (!held) drop_fence();
    failure_point("switchover_fenced");
    switchover_->on_fenced(held);
  } else if (std::holds_alternative<switchover::Drain>(action)) {
    const auto running = publisher();
    const auto limit = std::chrono::milliseconds(kDrainLimit_us / 1000);
    const auto end = running != nullptr ? running->drain(limit) : std::nullopt;
    failure_point("switchover_drained");
    switchover_->on_drained(end);
  } else if (const auto* demand = std::get_if<switchover::Demand>(&action)) {
    message::Command command;
    command.kind = CommandKind::take_over;
    command.to = fmt::format("{:016x}", demand->process);
    command.position = demand->position;
    command.takeover_id = demand->id;
    links_->send_command(*target_, std::move(command), kDemandTimeout, [](CommandOutcome) {});
    failure_point("switchover_demanded");
  } else if (std::holds_alternative<switchover::DropFence>(action)) {
    drop_fence();
  } else if (const auto* down = std::get_if<switchover::StandDown>(&action)) {
    // Before our port closes: somebody behind it may wait for the answer.
    const auto target = switchover_->target();
    end_switchover({CommandResult::Outcome::done,
                    fmt::format("{} leads epoch {}", target, down->epoch),
                    {},
                    {}});
    stand_down(down->epoch, "switchover to " + target);
  } else if (const auto* stuck = std::get_if<switchover::Stuck>(&action)) {
    log::error("switchover_stuck", stuck->text);
    {
      const std::lock_guard lock(mutex_);
      stuck_ = stuck->text;
    }
    say_weakened();
  } else if (const auto* over = std::get_if<switchover::GiveUp>(&action)) {
    log::warning("switchover_given_up", over->reason);
    end_switchover({CommandResult::Outcome::failed,
                    over->reason + "; this node is still the primary",
                    {},
                    {}});
  }
}

void Supervisor::end_switchover(CommandResult result) {
  switchover_.reset();
  {
    const std::lock_guard lock(mutex_);
    stuck_.clear();
  }
  say_weakened();
  if (const auto ended = std::exchange(switchover_ended_, {})) ended(std::move(result));
}

}  // namespace understudy
