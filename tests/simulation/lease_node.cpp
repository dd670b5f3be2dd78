#include "tests/simulation/lease_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy::sim {
namespace {

constexpr std::int64_t kTtl_us = 5'000'000;

constexpr std::int64_t kRatesDiffer_ppm = 50'000;  // far more than clocks do; the margin allows it
constexpr std::int64_t kWildRatesDiffer_ppm = 200'000;
// 2ρ·ttl, and what comes after the fence is due.
constexpr std::int64_t kWildMargin_us = 2'500'000;

bool has_wild_clocks(LeaseSabotage sabotage) {
  return sabotage == LeaseSabotage::wild_clocks || sabotage == LeaseSabotage::no_margin;
}

LeaseRules rules_of(const std::string& name, LeaseSabotage sabotage) {
  LeaseRules rules;
  rules.node = name;
  rules.ttl_us = kTtl_us;
  rules.max_lag = 1'000'000;
  if (has_wild_clocks(sabotage)) rules.margin_us = kWildMargin_us;
  if (sabotage == LeaseSabotage::no_margin) rules.margin_us = 0;
  if (sabotage == LeaseSabotage::half_margin) rules.margin_us = rules.margin() / 2;
  rules.counts_from_answer = sabotage == LeaseSabotage::counts_from_answer;
  return rules;
}

}  // namespace

LeaseNode::LeaseNode(World world, std::size_t index, std::size_t sync_count, LeaseSabotage sabotage)
    : world_(std::move(world)),
      index_(index),
      sync_count_(sync_count),
      sabotage_(sabotage),
      name_(fmt::format("node-{}", index)),
      rules_(rules_of(name_, sabotage)),
      rates_differ_ppm_(has_wild_clocks(sabotage) ? kWildRatesDiffer_ppm : kRatesDiffer_ppm),
      local_base_us_(world_.chance.between(0, 1'000'000'000)) {
  const auto ppm = world_.chance.between(-rates_differ_ppm_, rates_differ_ppm_);
  rate_ = 1.0 + static_cast<double>(ppm) / 1e6;
}

// What comes while the process stands still waits for it.
void LeaseNode::later(std::int64_t delay_us, std::function<void()> f) {
  world_.events.in(delay_us, [this, run = run_, f = std::move(f)]() mutable {
    if (run != run_) return;
    const auto left = std::max(paused_until_, hung_until_) - world_.events.now();
    if (left > 0) return later(left + world_.chance.between(0, 1000), std::move(f));
    f();
  });
}

bool LeaseNode::is_running() const {
  return is_up_ && std::max(paused_until_, hung_until_) <= world_.events.now();
}

std::int64_t LeaseNode::local_now() const {
  return local_base_us_ +
         static_cast<std::int64_t>(static_cast<double>(world_.events.now() - base_us_) * rate_);
}

void LeaseNode::keep_time(bool is_fast) {
  local_base_us_ = local_now();
  base_us_ = world_.events.now();
  const auto ppm = is_fast ? rates_differ_ppm_ : -rates_differ_ppm_;
  rate_ = 1.0 + static_cast<double>(ppm) / 1e6;
}

void LeaseNode::say(std::string text) {
  story_.push_back(fmt::format("{:9.3f} {}", static_cast<double>(world_.events.now()) / 1e6, text));
  if (story_.size() > 80) story_.pop_front();
}

std::string LeaseNode::describe() const {
  auto text = fmt::format("{} (rate {:.4f}): {}{}{}{}, log {} records, epoch {}", name_, rate_,
                          !is_up_  ? "down"
                          : leads_ ? "primary"
                                   : "standby",
                          is_fenced_ ? ", fenced" : "", is_changing_ ? ", changing" : "",
                          is_writable() ? ", written to" : "", log_.size(), last_epoch());
  for (const auto& line : story_) text += "\n    " + line;
  return text;
}

// --- a start ---

void LeaseNode::start() {
  if (is_up_) return;
  end_application();
  ++run_;
  is_up_ = true;
  process_ = world_.chance.bits();
  decided_ = leads_ = is_changing_ = is_fenced_ = wants_fence_ = hands_over_ = false;
  is_standing_down_ = is_streaming_ = false;
  hangs_ = false;
  paused_until_ = hung_until_ = 0;
  auto rules = rules_;
  rules.process = process_;
  keeper_.emplace(std::move(rules), local_now());
  later(0, [this] { every_tick(); });
  later(world_.chance.between(50'000, 3'000'000), [this] { decide(); });
}

void LeaseNode::decide() {
  if (!keeper_->has_view() && log_.empty()) return later(200'000, [this] { decide(); });
  StartFacts start;
  start.node = name_;
  start.asked = index_ == 0 ? NodeRole::primary : NodeRole::standby;
  start.demoted_from = demoted_from_;
  if (!log_.empty()) {
    EpochStart opening;
    opening.epoch = log_.back().epoch;
    opening.node = log_.back().node;
    start.history = {opening};
  }
  StartFacts::Lease lease{.answers = keeper_->has_view()};
  if (keeper_->leader()) {
    lease.holder = keeper_->leader()->value.node;
    lease.epoch = keeper_->leader()->value.epoch;
  }
  start.lease = lease;
  start.is_copied = is_copied_;
  const auto decision = decide_start(start);
  say(fmt::format("starts: {}", decision.why));
  if (decision.role != StartRole::primary) {
    decided_ = true;
    return every_follow();
  }
  const Epoch own = std::max<Epoch>(1, last_epoch());
  keeper_->claim(own);
  later(2 * kTtl_us, [this] {
    if (keeper_->holds() && leads_) return;
    keeper_->give_up_claim();
    decided_ = true;
    every_follow();
  });
}

// --- the lease ---

LeaseFacts LeaseNode::facts() const {
  LeaseFacts facts;
  if (leads_) {
    facts.role = NodeRole::primary;
  } else if (decided_ && !is_changing_) {
    facts.role = NodeRole::standby;
  }
  facts.state = is_streaming_ ? NodeState::streaming : NodeState::connecting;
  facts.has_state = !log_.empty();
  facts.epoch = last_epoch();
  facts.led_epoch = !log_.empty() && log_.back().node == name_ ? facts.epoch : 0;
  facts.highest_epoch = facts.epoch;
  facts.durable_epoch = facts.epoch;
  facts.durable = facts.applied = log_.size();
  facts.is_copied = is_copied_;
  facts.stream.bytes.fill(7);
  if (sync_) facts.sync = sync_->wish();
  return facts;
}

void LeaseNode::every_tick() {
  drive();
  if (!is_up_) return;
  later(world_.chance.between(20'000, 60'000), [this] { every_tick(); });
}

void LeaseNode::drive() {
  tempt_the_fence();
  if (!is_running()) return;
  look_closely();
  keeper_->on_facts(facts());
  keeper_->on_fenced(is_fenced_ || (sabotage_ == LeaseSabotage::no_fence && wants_fence_));
  keeper_->tick(local_now());
  // A claim that succeeded.
  if (!decided_ && keeper_->holds()) {
    decided_ = true;
    ++world_.counts.claims;
    if (log_.empty()) log_.push_back({keeper_->held_epoch(), 0, name_});
    begin_to_lead();
  }
  for (const auto& action : keeper_->take_actions()) carry_out(action);
}

void LeaseNode::look_closely() {
  if (!world_.pace.is_tight || keeper_->holds()) return;
  const auto& known = keeper_->leader();
  const auto& there = world_.store.leader();
  const bool is_news = there && (!known || known->revision != there->revision);
  if (is_news || keeper_->is_vacant(local_now())) keeper_->look(local_now());
}

void LeaseNode::carry_out(const lease::Action& action) {
  if (std::holds_alternative<lease::Observe>(action)) {
    world_.store.observe(
        index_,
        [this, run = run_, sent = local_now()](LeaseView view) {
          if (run != run_) return;
          later(0, [this, view, sent] { keeper_->on_view(view, sent, local_now()), drive(); });
        },
        [this, run = run_] {
          if (run == run_) later(0, [this] { keeper_->on_unreachable(local_now()), drive(); });
        });
  } else if (const auto* swap = std::get_if<lease::Swap>(&action)) {
    world_.store.swap(
        index_, swap->record, swap->expected,
        [this, run = run_](SwapOutcome outcome) {
          if (run != run_) return;
          later(0, [this, outcome] { keeper_->on_swapped(outcome, local_now()), drive(); });
        },
        [this, run = run_] {
          if (run == run_) later(0, [this] { keeper_->on_swap_unknown(local_now()), drive(); });
        });
  } else if (const auto* publish = std::get_if<lease::Publish>(&action)) {
    world_.store.publish(index_, publish->record);
  } else if (const auto* ask = std::get_if<lease::AskToStay>(&action)) {
    ask_to_stay(*ask);
  } else if (std::holds_alternative<lease::Fence>(action)) {
    ++world_.counts.fences;
    wants_fence_ = true;
    try_fence();
  } else if (std::holds_alternative<lease::Unfence>(action)) {
    ++world_.counts.kept;
    wants_fence_ = is_fenced_ = false;
    world_.on_writable(*this);
  } else if (const auto* to = std::get_if<lease::Lead>(&action)) {
    lead(to->epoch, to->reason);
  } else if (const auto* down = std::get_if<lease::StandDown>(&action)) {
    stand_down(down->why);
  } else if (const auto* recorded = std::get_if<lease::Recorded>(&action)) {
    const auto& record = recorded->record;
    const bool is_ours = record.led_node == name_ && record.led_epoch == last_epoch();
    if (sync_ && record.sync && is_ours) sync_->on_recorded(*record.sync);
  } else if (std::holds_alternative<lease::Proved>(action)) {
    is_copied_ = false;
  } else if (const auto* said = std::get_if<lease::Say>(&action)) {
    if (said->event == "lease_on_promises") ++world_.counts.on_promises;
    say(said->event + ": " + said->text);
  }
}

void LeaseNode::ask_to_stay(const lease::AskToStay& ask) {
  const lease::StayRequest request{name_, process_, keeper_->held_epoch(), kTtl_us};
  for (const auto& name : ask.nodes) {
    const auto to = std::ranges::find(world_.nodes, name, [](const auto& n) { return n->name(); });
    if (to == world_.nodes.end()) continue;
    auto& peer = **to;
    const auto index = peer.index_;
    if (world_.is_parted(index_, index) || !peer.is_up_) continue;
    peer.later(world_.chance.between(100, 50'000), [this, &peer, request, run = run_, ask, index] {
      const bool agrees = sabotage_ == LeaseSabotage::forget_promises ||
                          peer.keeper_->on_stay_request(request, peer.local_now());
      if (world_.is_parted(index, index_) || run != run_) return;
      later(world_.chance.between(100, 50'000), [this, agrees, name = peer.name_, ask] {
        keeper_->on_stay_answer(ask.round, name, agrees, local_now());
        drive();
      });
    });
  }
}

}  // namespace understudy::sim
