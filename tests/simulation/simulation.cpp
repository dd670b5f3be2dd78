#include "tests/simulation/simulation.h"

#include <fmt/format.h>

namespace understudy::sim {
namespace {

constexpr std::int64_t kFaults_us = 20'000'000;
constexpr std::int64_t kConverge_us = 60'000'000;

}  // namespace

Simulation::Simulation(std::uint64_t seed, Sabotage sabotage)
    : chance_(seed * 0x9e3779b97f4a7c15ull + 1),
      network_(events_, chance_),
      publisher_(events_, chance_, network_, truth_, sabotage) {
  const std::vector<std::vector<std::size_t>> upstreams = {{0}, {0}, {2, 0}};
  for (std::size_t i = 0; i < upstreams.size(); ++i) {
    disks_.push_back(std::make_unique<ToyDisk>());
    ToyStandby::Place place{i, i + 1, upstreams[i], fmt::format("standby-{}", i)};
    standbys_.push_back(std::make_unique<ToyStandby>(events_, chance_, network_, &truth_,
                                                     std::move(place), sabotage, *disks_[i]));
    events_.in(chance_.between(0, 3'000'000), [this, i] { standbys_[i]->start(); });
  }
  standbys_[2]->upstream_is_orphaned = [this] { return standbys_[1]->is_orphaned(); };
  publisher_.on_ack = [this](const std::string& name, const message::Ack& ack) {
    for (auto& standby : standbys_) {
      if (standby->name() == name) standby->on_acknowledged(ack);
    }
  };
  network_.faults = {.drop = chance_.below(4) * 20,
                     .duplicate = chance_.below(3) * 30,
                     .reorder = chance_.below(3) * 50,
                     .delay_us = chance_.between(100, 30'000)};
  commit_gap_us_ = chance_.between(10'000, 150'000);
}

RunCounts Simulation::run() {
  try {
    every_commit();
    every_flush();
    schedule_chaos();
    events_.run_until(events_.now() + kFaults_us);
    settle();
  } catch (const Broken& broken) {
    throw Broken(fmt::format("{}\n{}", broken.what(), describe()));
  }
  counts_.events = events_.count();
  for (const auto& standby : standbys_) {
    counts_.resyncs += standby->counts.resyncs;
    counts_.failed_resyncs += standby->counts.failed_resyncs;
    counts_.orphanings += standby->counts.orphanings;
    counts_.tails_dropped += standby->counts.tails_dropped;
    counts_.appends += standby->counts.appends;
  }
  return counts_;
}

// --- work ---

void Simulation::every_commit() {
  if (calm_) return;
  const auto burst = chance_.in_thousand(30) ? chance_.below(60) : 1;
  for (std::uint64_t i = 0; i < burst; ++i) publisher_.commit();
  counts_.commits += burst;
  events_.in(chance_.between(0, 2 * commit_gap_us_), [this] { every_commit(); });
}

void Simulation::every_flush() {
  publisher_.flush();
  if (calm_ && publisher_.is_flushed()) return;
  events_.in(chance_.between(200, 20'000), [this] { every_flush(); });
}

// --- faults ---

void Simulation::schedule_chaos() {
  events_.in(chance_.between(10'000, 600'000), [this] {
    if (calm_) return;
    chaos();
    schedule_chaos();
  });
}

void Simulation::chaos() {
  const auto client = chance_.below(standbys_.size());
  switch (chance_.below(12)) {
    case 0:
      return crash_publisher();
    case 1:
      if (publisher_.is_up()) publisher_.trim(chance_.below(40));
      return;
    case 2:
      return network_.cut(client, chance_.in_thousand(500), chance_.in_thousand(500));
    case 3:
    case 4:
      return network_.heal(client);
    case 5:
      return network_.break_connection(client);
    default:
      return disturb_standby(*standbys_[client]);
  }
}

void Simulation::crash_publisher() {
  if (!publisher_.is_up()) return;
  ++counts_.crashes;
  publisher_.crash();
  if (chance_.in_thousand(150)) {
    ++counts_.rewinds;
    const Seq left = publisher_.restore_old_log(1 + chance_.below(20));
    // In order: the last one follows the one before it.
    bool upstream_orphaned = false;
    for (auto& standby : standbys_) {
      standby->on_history_lost(left, upstream_orphaned && standby == standbys_.back());
      upstream_orphaned = upstream_orphaned || standby->is_orphaned();
    }
  }
  events_.in(chance_.between(1'000, 4'000'000), [this] {
    if (!publisher_.is_up()) publisher_.restart();
  });
}

void Simulation::disturb_standby(ToyStandby& standby) {
  const auto what = chance_.below(10);
  if (what < 3) standby.trim(chance_.below(20));
  if (!standby.is_up() || (what >= 3 && what < 5)) return;
  if (what == 5) {
    ++counts_.damages;
    standby.damage();
    events_.in(chance_.between(0, 3'000'000), [&standby] { standby.scrub(); });
    return;
  }
  if (what < 5) return;
  ++counts_.crashes;
  what < 8 ? standby.crash() : standby.lose_power();
  events_.in(chance_.between(1'000, what == 9 ? 8'000'000 : 1'000'000), [&standby] {
    if (!standby.is_up()) standby.start();
  });
}

// --- after the faults ---

void Simulation::settle() {
  calm_ = true;
  network_.faults = {};
  for (std::size_t i = 0; i < standbys_.size(); ++i) {
    network_.heal(i);
    if (!standbys_[i]->is_up()) standbys_[i]->start();
    standbys_[i]->scrub();
  }
  if (!publisher_.is_up()) publisher_.restart();
  publisher_.commit();
  every_flush();
  const auto deadline = events_.now() + kConverge_us;
  while (!has_converged()) {
    if (events_.now() > deadline) throw Broken("the standbys do not reach the primary");
    events_.run_until(events_.now() + 100'000);
  }
}

bool Simulation::has_converged() const {
  if (!publisher_.is_up() || !publisher_.is_flushed()) return false;
  for (const auto& standby : standbys_) {
    if (!standby->is_at(publisher_.bounds().last)) return false;
  }
  return true;
}

std::string Simulation::describe() const {
  auto text =
      fmt::format("at {:.3f} s; publisher {}, log {}..{}", static_cast<double>(events_.now()) / 1e6,
                  publisher_.is_up() ? "up" : "down", publisher_.bounds().base.to_string(),
                  publisher_.bounds().last.to_string());
  for (const auto& standby : standbys_) text += "\n  " + standby->describe();
  return text;
}

}  // namespace understudy::sim
