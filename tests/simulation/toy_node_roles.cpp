// ToyNode: which role it has, and how that changes.
#include "common/record/history.h"
#include "takeover/promotion.h"
#include "takeover/start_role.h"
#include "tests/simulation/toy_node.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::sim {
namespace {

constexpr std::int64_t kTakeOverPatience_us = 1'000'000;

NodeState state_of(const ToyStandby* standby) {
  if (!standby || !standby->follower()) return NodeState::starting;
  switch (standby->follower()->state()) {
    case StandbyState::resyncing:
      return NodeState::resyncing;
    case StandbyState::catching_up:
      return NodeState::catching_up;
    case StandbyState::streaming:
      return NodeState::streaming;
    default:
      return NodeState::connecting;
  }
}

}  // namespace

bool ToyNode::dies_here(const char* step) {
  if (!world_.chance.in_thousand(60)) return false;
  ++counts_.deaths_at_steps;
  say(fmt::format("at step {}:", step));
  crash();
  return true;
}

// --- the start ---

void ToyNode::decide() {
  const bool answered = !view_->peers().empty();
  StartFacts facts;
  facts.asked = asked_;
  facts.node = name_;
  if (disk_.log) facts.history = disk_.log->history();
  facts.demoted_from = demoted_from_;
  facts.has_cursor = has_cursor_;
  if (answered) facts.peers_epoch = view_->highest_epoch();
  const auto decision = decide_start(facts);
  say(fmt::format("starts: {}", decision.why));
  if (decision.role == StartRole::primary) {
    if (!disk_.log) create_stream();
    return begin_primary();
  }
  if (decision.role == StartRole::drain_then_standby) drain_unwatched();
  begin_standby();
}

void ToyNode::create_stream() {
  database_.resize(6);
  for (int i = 0; i < 10; ++i) mutate(database_, world_.chance);
  StreamId stream;
  stream.bytes.fill(0x22);
  auto first = begin_first_epoch(name_, database_.sum());
  first.tenure = world_.chance.bits() | 1;
  const Position base{1, 0, database_.sum()};
  disk_.log.emplace(stream, base, History{first});
  has_cursor_ = true;
  world_.lineage.open(first, 0);
  world_.lineage.add(first.tenure, base, database_);
}

void ToyNode::begin_primary() {
  say(fmt::format("leads epoch {}", epoch()));
  is_fenced_ = is_standing_down_ = false;
  primary_ = std::make_unique<ToyPrimary>(world_, disk_, database_, index_, cluster_hooks(), true);
  primary_->on_ack = [this](const std::string& name, const message::Ack& ack) {
    if (ack.durable < disk_.log->history().back().first_seq) return;  // of earlier tenures
    auto& seq = acknowledged[tenure()][name];
    seq = std::max(seq, ack.durable);
  };
  view_->announce(world_.events.now());
}

void ToyNode::begin_standby() {
  std::vector<std::size_t> all(count_);
  for (std::size_t i = 0; i < count_; ++i) all[i] = i;
  ToyStandby::Place place{index_, index_, std::move(all), name_, true};
  standby_ = std::make_unique<ToyStandby>(world_.events, world_.chance, world_.network, nullptr,
                                          std::move(place), sabotage_, disk_);
  standby_->cluster = cluster_hooks();
  standby_->on_change = [this] { check(); };
  standby_->start();
}

// What the application wrote while nobody watched comes on record first; only then can it be kept.
void ToyNode::drain_unwatched() {
  ++counts_.drains;
  ToyPrimary watcher(world_, disk_, database_, index_, {}, false);
  watcher.flush_all();
  disk_.replica.roll_back(last(), database_);
  has_cursor_ = false;
}

// --- standing down ---

void ToyNode::stand_down() {
  if (is_standing_down_) return;
  is_standing_down_ = is_fenced_ = true;
  // On record before anything else: whoever starts next must not lead again, heard or not.
  demoted_from_ = epoch();
  ++counts_.demotions;
  say(fmt::format("stands down for epoch {}", view_->highest_epoch()));
  later(world_.chance.between(500, 60'000), [this] { finish_standing_down(); });
}

void ToyNode::finish_standing_down() {
  primary_->flush_all();
  if (dies_here("drained")) return;
  primary_.reset();
  switchover_.reset();
  disk_.replica.roll_back(last(), database_);
  has_cursor_ = is_fenced_ = is_standing_down_ = false;
  begin_standby();
  check();
}

// --- promotion ---

std::vector<std::string> ToyNode::objections(bool force, bool is_switchover) {
  PromotionFacts facts;
  facts.role = primary_ ? NodeRole::primary : NodeRole::standby;
  facts.state = state_of(standby_.get());
  facts.listens = true;
  facts.epoch = epoch();
  facts.is_switchover = is_switchover;
  const auto fork = view_->fork();
  facts.is_fork = fork && fork->epoch == epoch();
  if (const auto leader = view_->primary(); leader && !leader->is_silent) {
    facts.primary_answers = true;
    facts.primary = leader->report.node;
  }
  const auto* follower = standby_ ? standby_->follower() : nullptr;
  if (follower) {
    facts.has_state = disk_.log && follower->applied().has_value();
    facts.seqs = {follower->received().seq, follower->durable().seq,
                  follower->applied().value_or(Position{}).seq};
    const auto& known = follower->known_last();
    if (known && known->epoch >= epoch()) facts.primary_seq = known->seq;
  }
  for (const auto& peer : view_->peers()) {
    const auto& other = peer.report;
    const bool more =
        std::pair(other.position.epoch, other.position.seq) > std::pair(last().epoch, last().seq);
    if (!peer.is_silent && more && other.role == PeerRole::standby) {
      facts.ahead.push_back({other.node, other.epoch, other.position.seq});
    }
  }
  std::vector<std::string> texts;
  for (const auto& objection : object_to(facts)) {
    if (!force || !objection.can_be_forced) texts.push_back(objection.text);
  }
  return texts;
}

void ToyNode::promote(bool force) {
  if (!is_up_ || (!primary_ && !standby_) || is_standing_down_ || switchover_) return;
  if (const auto texts = objections(force, false); !texts.empty()) {
    ++counts_.refused;
    return say("refuses to be promoted: " + texts.front());
  }
  counts_.forced += force ? 1 : 0;
  if (!primary_) {
    return carry_out_promotion(force ? std::nullopt : std::optional(epoch()), 0);
  }
  // Leads already, and so does another: the higher epoch decides.
  primary_->flush_all();
  primary_.reset();
  disk_.replica.roll_back(last(), database_);
  open_epoch(std::nullopt, 0);
}

void ToyNode::carry_out_promotion(std::optional<Epoch> unless_above, std::uint64_t takeover_id) {
  if (!standby_->drain()) {
    ++counts_.undrained;
    return say("cannot drain");
  }
  for (const auto& [tenure, seq] : acknowledged_by(name_)) {
    if (tenure != this->tenure() || seq <= last().seq) continue;
    throw Broken(
        fmt::format("{} acknowledged {} and is promoted at {}", name_, seq, last().to_string()));
  }
  if (dies_here("halt")) return;
  counts_.rewinds += standby_->counts.rewinds;
  counts_.resyncs += standby_->counts.resyncs;
  standby_->crash();
  standby_.reset();
  disk_.log->drop_open_tail();
  later(world_.chance.between(100, 20'000),
        [this, unless_above, takeover_id] { open_epoch(unless_above, takeover_id); });
}

void ToyNode::open_epoch(std::optional<Epoch> unless_above, std::uint64_t takeover_id) {
  if (unless_above && view_->highest_epoch() > *unless_above) {
    say("somebody else was promoted meanwhile");
    return begin_standby();
  }
  const auto next = std::max(epoch(), view_->highest_epoch()) + 1;
  database_ = disk_.replica.shown();
  has_cursor_ = true;
  open_toy_epoch(*disk_.log, world_.lineage, database_, name_, next, world_.events, world_.chance);
  ++counts_.promotions;
  counts_.switched += takeover_id != 0 ? 1 : 0;
  counts_.epochs = std::max(counts_.epochs, next);
  say(fmt::format("opens epoch {}", next));
  if (dies_here("open")) return;
  later(world_.chance.between(100, 20'000), [this] {
    if (!dies_here("free")) begin_primary();
  });
}

// --- switchover ---

void ToyNode::switch_over_to(const std::string& target) {
  if (!primary_ || switchover_ || is_standing_down_ || target == name_) return;
  const auto peer = view_->find(target);
  if (!peer || peer->is_silent || peer->report.role != PeerRole::standby) return;
  ++counts_.switchovers;
  say("hands over to " + target);
  switchover_.emplace(world_.chance.bits() | 1, target, peer->report.process, epoch(),
                      world_.events.now());
  drive_switchover();
}

void ToyNode::drive_switchover() {
  switchover_->tick(world_.events.now());
  if (const auto peer = view_->find(switchover_->target())) {
    const auto& report = peer->report;
    std::optional<NodeRole> role;
    if (report.role == PeerRole::primary) role = NodeRole::primary;
    if (report.role == PeerRole::standby) role = NodeRole::standby;
    switchover_->on_report({report.process, role, report.epoch, report.declined_takeover_id});
  }
  if (view_->highest_epoch() > epoch()) switchover_->on_higher_epoch(view_->highest_epoch());
  for (const auto& action : switchover_->take_actions()) carry_out(action);
  if (switchover_ && switchover_->is_over()) switchover_.reset();
}

void ToyNode::carry_out(const switchover::Action& action) {
  if (std::holds_alternative<switchover::TakeFence>(action)) {
    is_fenced_ = true;
    later(0, [this] {
      if (switchover_) switchover_->on_fenced(true), drive_switchover();
    });
  } else if (std::holds_alternative<switchover::Drain>(action)) {
    later(world_.chance.between(100, 10'000), [this] {
      if (!switchover_ || !primary_) return;
      primary_->flush_all();
      switchover_->on_drained(last());
      drive_switchover();
    });
  } else if (const auto* demand = std::get_if<switchover::Demand>(&action)) {
    message::Command command;
    command.kind = CommandKind::take_over;
    command.to = fmt::format("{}", demand->process);
    command.takeover_id = demand->id;
    command.position = demand->position;
    const auto target = view_->endpoint_of(switchover_->target());
    if (target) world_.network.request(client_of(*target), encode_message(command));
  } else if (std::holds_alternative<switchover::DropFence>(action)) {
    is_fenced_ = false;
  } else if (std::holds_alternative<switchover::StandDown>(action)) {
    stand_down();
  } else if (std::holds_alternative<switchover::Stuck>(action)) {
    ++counts_.stuck;
  } else {
    ++counts_.given_up;
    say("goes on leading");
  }
}

// The demand is for one run of the target: a later one must not answer to it.
void ToyNode::on_command(const message::Command& command) {
  const bool is_for_us = command.to == fmt::format("{}", process_);
  const bool is_new = command.takeover_id != takeover_id_ && command.takeover_id != declined_id_;
  if (command.kind != CommandKind::take_over || !is_for_us || !is_new) return;
  if (!standby_ || takeover_id_ != 0 || !objections(true, true).empty()) return decline(command);
  takeover_id_ = command.takeover_id;
  take_over_when_there(command, world_.events.now() + kTakeOverPatience_us);
}

void ToyNode::take_over_when_there(const message::Command& command, std::int64_t until) {
  const bool there = standby_ && standby_->drain() &&
                     disk_.log->position_at(command.position.seq) == command.position;
  const bool is_latest = view_->highest_epoch() <= command.position.epoch;
  if (there && is_latest) return carry_out_promotion(command.position.epoch, command.takeover_id);
  if (world_.events.now() >= until || !is_latest) return decline(command);
  later(20'000, [this, command, until] { take_over_when_there(command, until); });
}

void ToyNode::decline(const message::Command& command) {
  ++counts_.declined;
  declined_id_ = command.takeover_id;
  takeover_id_ = 0;
  say("declines to take over");
}

}  // namespace understudy::sim
