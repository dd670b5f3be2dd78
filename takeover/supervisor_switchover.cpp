// Switchover: who is asked, and the primary's half of it. switchover.h decides; this carries it
// out.
#include "common/core/clock.h"
#include "common/core/failure_point.h"
#include "common/core/random_number.h"
#include "common/logging/log.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

#include <future>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kDemandTimeout{400};
constexpr std::chrono::seconds kForwardedTimeout{60};
constexpr std::chrono::seconds kSwitchoverLimit{90};

std::optional<NodeRole> to_node_role(PeerRole role) {
  if (role == PeerRole::primary) return NodeRole::primary;
  if (role == PeerRole::standby) return NodeRole::standby;
  return std::nullopt;
}

// To take over: a standby that has, or is about to have, all that the primary has.
bool is_fit(const std::optional<Peer>& peer) {
  return peer && !peer->is_silent && peer->report.role == PeerRole::standby &&
         peer->report.state == to_string(NodeState::streaming);
}

}  // namespace

CommandResult Supervisor::switchover(const std::string& to, bool dry_run) {
  if (!links_) {
    return refused("this node has no --peers: it knows no other one");
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
      return failed("it is not over yet; see the status of both nodes");
    }
    return future.get();
  }
  const auto endpoint = primary_endpoint();
  if (!endpoint) {
    return refused("no primary answers; to replace a lost one: understudy promote");
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
  const auto asked = links_->primary();
  const auto is_lost = [&] {
    const auto now = asked ? links_->find(asked->report.node) : std::nullopt;
    return now && (now->is_silent || now->report.process != asked->report.process);
  };
  const auto good =
      command.dry_run ? CommandResult::Outcome::would_do : CommandResult::Outcome::done;
  const auto ended = std::make_shared<std::promise<CommandOutcome>>();
  auto future = ended->get_future();
  links_->send_command(primary, std::move(command), kForwardedTimeout,
                       [ended](CommandOutcome outcome) { ended->set_value(std::move(outcome)); });
  while (future.wait_for(kLook) != std::future_status::ready) {
    const auto now = links_->primary();
    const bool moved = (now && now->report.node == to) || (to == node_.name() && publisher());
    if (moved) return done(to + " leads");
    if (node_.is_stopping()) return stopping();
    if (is_lost()) {
      return failed("the primary was lost or started anew meanwhile; see the status of all nodes");
    }
  }
  const auto outcome = future.get();
  if (outcome.kind != CommandOutcome::Kind::answered) {
    return failed("the primary does not answer; see its status");
  }
  return {outcome.reply.ok ? good : CommandResult::Outcome::refused,
          outcome.reply.text,
          {},
          position()};
}

// On the conductor. done: it is begun, and `ended` will be called; else what speaks against it.
CommandResult Supervisor::begin_switchover(const std::string& to, bool dry_run,
                                           std::function<void(CommandResult)> ended) {
  auto against = refused("nothing was changed");
  const auto object = [&against](std::string text) {
    against.objections.push_back({std::move(text), false, 0});
  };
  if (publisher() == nullptr) object("this node is not the primary");
  if (switchover_) object("a switchover to " + switchover_->target() + " is under way");
  if (to == node_.name()) object(to + " is the primary already");
  // What it last said may be some seconds old, and it may have become fit since.
  if (!links_->endpoint_of(to) || !is_fit(links_->find(to))) {
    (void)links_->refresh(std::chrono::milliseconds(1000), false);
  }
  const auto peer = links_->find(to);
  const auto endpoint = links_->endpoint_of(to);
  if (!peer || !endpoint || peer->is_silent) {
    object("no node " + to + " answers among the peers");
  } else if (!is_fit(peer)) {
    object(fmt::format("{} is not a standby that streams: it is {}", to, peer->report.state));
  }
  if (!against.objections.empty()) return against;
  if (dry_run) {
    return {CommandResult::Outcome::would_do,
            fmt::format("{} would hand over to {}, which is at seq {}", node_.name(), to,
                        peer->report.applied),
            {},
            position()};
  }
  switchover_.emplace(random_number(), to, peer->report.process, own_epoch(), monotonic_time_us());
  target_ = endpoint;
  switchover_ended_ = std::move(ended);
  is_handed_over_ = false;
  drive_switchover();
  return done("begun");
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
    if (!held) (void)drop_fence();
    failure_point("switchover_fenced");
    switchover_->on_fenced(held);
  } else if (std::holds_alternative<switchover::Drain>(action)) {
    const auto running = publisher();
    const auto limit = std::chrono::milliseconds(kDrainLimit_us / 1000);
    const auto end = running != nullptr ? running->drain(limit) : std::nullopt;
    failure_point("switchover_drained");
    switchover_->on_drained(end);
  } else if (const auto* demand = std::get_if<switchover::Demand>(&action)) {
    if (!hand_over_lease(*demand)) return;
    message::Command command;
    command.kind = CommandKind::take_over;
    command.to = fmt::format("{:016x}", demand->process);
    command.position = demand->position;
    command.takeover_id = demand->id;
    links_->send_command(*target_, std::move(command), kDemandTimeout, [](CommandOutcome) {});
    failure_point("switchover_demanded");
  } else if (std::holds_alternative<switchover::DropFence>(action)) {
    (void)drop_fence();
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
    // With a lease it is not for this node to wait: whoever is fit takes over.
    if (lease_) {
      end_switchover(failed(stuck->text));
      stand_down(0, "the lease was handed over");
    }
  } else if (const auto* over = std::get_if<switchover::GiveUp>(&action)) {
    log::warning("switchover_given_up", over->reason);
    const bool leads = lease_allows(own_epoch());
    end_switchover(failed(over->reason + (leads ? "; this node is still the primary" : "")));
    if (is_handed_over_) stand_down(0, "the lease was handed over");
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
