// LeaseNode: the application beside it, and the deaths and stops of both.
#include "tests/simulation/lease_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy::sim {
namespace {

constexpr std::int64_t kHeardWithin_us = 3'000'000;
constexpr std::int64_t kApplicationDies_us = 50'000;  // after its node: BindsTo=
constexpr std::int64_t kBetweenStops_us = 2'000'000;
constexpr std::int64_t kTempting_us = 50'000;

}  // namespace

// --- the application ---

// A process of its own: it waits for no other than its machine.
void LeaseNode::in_application(std::int64_t delay_us, std::function<void()> f) {
  world_.events.in(delay_us, [this, run = application_run_, f = std::move(f)]() mutable {
    if (run != application_run_) return;
    const auto left = paused_until_ - world_.events.now();
    if (left > 0) return in_application(left + world_.chance.between(0, 1000), std::move(f));
    f();
  });
}

// It writes wherever no lock keeps it from it; some transactions stay open for a while. While the
// lock is tried for each 2 ms, no long one slips in before it.
void LeaseNode::every_write() {
  if (!leads_ && !outlives_) return;
  if (is_running()) acknowledge();
  if (is_writable() && world_.events.now() >= open_until_) {
    if (!wants_fence_ && world_.chance.in_thousand(20)) {
      open_transaction(world_.chance.between(1'000, world_.pace.transaction_us));
    } else {
      commit();
    }
  }
  in_application(world_.chance.between(1'000, 60'000), [this] { every_write(); });
}

void LeaseNode::open_transaction(std::int64_t length_us) {
  open_until_ = world_.events.now() + length_us;
  in_application(length_us - 1, [this] {
    if (is_writable()) commit();
  });
}

void LeaseNode::commit() {
  world_.on_writable(*this);
  ++world_.counts.commits;
  if (!is_running()) ++world_.counts.written_without;
  log_.push_back({last_epoch(), world_.chance.bits() | 1, name_});
}

void LeaseNode::acknowledge() {
  if (!sync_) return;
  std::vector<std::pair<std::string, Seq>> heard;
  for (const auto& [name, progress] : heard_) {
    if (local_now() - progress.second < kHeardWithin_us) heard.emplace_back(name, progress.first);
  }
  const auto before = sync_->wish();
  auto acknowledged = sync_->acknowledge(heard, log_.size(), local_now());
  if (sabotage_ == LeaseSabotage::unsynced_take_over) {
    for (const auto& [name, seq] : heard) acknowledged = std::max(acknowledged, seq);
  }
  if (sabotage_ == LeaseSabotage::unrecorded_set) sync_->on_recorded(sync_->wish());
  if (sync_->wish().members != before.members) ++world_.counts.sets_changed;
  for (; acknowledged_ < acknowledged; ++acknowledged_) {
    ++world_.counts.acknowledged;
    world_.on_acknowledged(log_[acknowledged_]);
  }
}

void LeaseNode::end_application() {
  ++application_run_;
  outlives_ = false;
  open_until_ = 0;
}

// --- deaths ---

void LeaseNode::end_process() {
  ++world_.counts.crashes;
  ++run_;
  is_up_ = leads_ = false;
  keeper_.reset();
  sync_.reset();
  heard_.clear();
}

void LeaseNode::crash() {
  end_application();
  if (!is_up_) return;
  end_process();
  say("dies");
}

void LeaseNode::lose_disk() {
  crash();
  ++world_.counts.disks_lost;
  log_.clear();
  demoted_from_ = 0;
  is_copied_ = false;
  say("has lost its disk");
}

// Its application goes on until BindsTo= ends it. One that was fenced does not get to write in that
// moment: the fence dies with the process, so this is an assumption, and `fence_dies_first` is
// the run without it.
void LeaseNode::crash_sidecar() {
  if (!is_up_) return;
  const bool keeps_writing = is_writable();
  const bool begins_to = sabotage_ == LeaseSabotage::fence_dies_first && !keeps_writing && !hangs_;
  end_process();
  ++world_.counts.sidecars_killed;
  outlives_ = keeps_writing || (begins_to && !log_.empty());
  say(outlives_ ? "its process dies, its application writes on" : "its process dies");
  if (begins_to && outlives_) in_application(0, [this] { every_write(); });
  world_.events.in(world_.chance.between(2'000, kApplicationDies_us),
                   [this, run = application_run_] {
                     if (run == application_run_) end_application();
                   });
}

// --- stops ---

// They do not add up: two in one margin are more than it is for.
bool LeaseNode::was_stopped_lately() const {
  return world_.events.now() < std::max(paused_until_, hung_until_) + kBetweenStops_us;
}

void LeaseNode::restart() {
  world_.events.in(world_.chance.between(50'000, 3'000'000), [this] { start(); });
}

// The whole machine stands still. One that did for long is killed by its watchdog when it goes on,
// and the application with it (docs/GUARANTEES.md).
void LeaseNode::pause(std::int64_t for_us) {
  if (!is_running() || was_stopped_lately()) return;
  paused_until_ = world_.events.now() + for_us;
  say(fmt::format("stands still for {} ms", for_us / 1000));
  if (for_us <= world_.pace.stop_us) return;
  hangs_ = true;
  world_.events.in(for_us, [this, run = run_] {
    if (run != run_) return;
    ++world_.counts.watchdog_kills;
    crash();
    restart();
  });
}

// The process stands still, and its application writes on; until the watchdog kills both.
void LeaseNode::hang_sidecar(std::int64_t for_us) {
  if (!is_running() || was_stopped_lately()) return;
  ++world_.counts.sidecars_hung;
  hung_until_ = world_.events.now() + for_us;
  say(fmt::format("its process hangs for {} ms", for_us / 1000));
  const auto watchdog_us =
      sabotage_ == LeaseSabotage::slow_watchdog ? rules_.ttl_us / 3 : world_.pace.stop_us;
  if (for_us <= watchdog_us) return;
  world_.events.in(watchdog_us, [this, run = run_] {
    if (run != run_) return;
    ++world_.counts.watchdog_kills;
    crash_sidecar();
    restart();
  });
}

// Just before the fence is due, what can keep it from its time happens more often than by chance.
void LeaseNode::tempt_the_fence() {
  if (!is_running() || !is_writable() || !keeper_->holds()) return;
  const auto deadline = keeper_->deadline_us();
  const auto left = deadline - rules_.margin() - local_now();
  if (left >= kTempting_us || deadline == std::exchange(tempted_us_, deadline)) return;
  const auto& pace = world_.pace;
  const bool is_for_transactions = pace.transaction_us > pace.stop_us;
  if (world_.chance.in_thousand(is_for_transactions ? 500 : 100)) {
    if (world_.events.now() < open_until_) return;
    ++world_.counts.open_at_fence;
    return open_transaction(world_.chance.up_to(pace.transaction_us));
  }
  switch (world_.chance.below(4)) {
    case 0:
      return;
    case 1:
      return hang_sidecar(world_.chance.up_to(pace.stop_us));
    case 2:
      return hang_sidecar(world_.chance.between(pace.stop_us, 2 * rules_.ttl_us));
    default:
      return pause(world_.chance.up_to(pace.stop_us));
  }
}

}  // namespace understudy::sim
