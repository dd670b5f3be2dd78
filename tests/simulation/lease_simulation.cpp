#include "tests/simulation/lease_simulation.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::sim {
namespace {

constexpr std::size_t kNodes = 3;
constexpr std::int64_t kFaults_us = 60'000'000;
constexpr std::int64_t kConverge_us = 90'000'000;

// What the margin leaves goes to long transactions, or to long stops: nearly the half margin that
// GUARANTEES names.
LeasePace some_pace(Chance& chance) {
  LeasePace pace;
  pace.is_tight = chance.in_thousand(600);
  if (pace.is_tight) pace.promotion_us = 20'000;
  if (chance.in_thousand(500)) {
    pace.transaction_us = 10'000;
    pace.stop_us = 420'000;
  }
  return pace;
}

LeaseFaults some_faults(Chance& chance, const LeasePace& pace) {
  return {
      .lose_answer = chance.below(4) * 20,
      .duplicate = chance.below(3) * 30,
      .late = chance.below(3) * 400,
      .slow = chance.below(3) * 400,
      .delay_us = pace.is_tight ? chance.between(1'000, 5'000) : chance.between(1'000, 200'000)};
}

}  // namespace

LeaseSimulation::LeaseSimulation(std::uint64_t seed, std::size_t sync_count, LeaseSabotage sabotage)
    : chance_(seed * 0x9e3779b97f4a7c15ull + 3),
      store_(events_, chance_),
      pace_(some_pace(chance_)) {
  LeaseNode::World world{events_,
                         chance_,
                         store_,
                         counts_,
                         pace_,
                         nodes_,
                         [this](std::size_t from, std::size_t to) {
                           return parted_.contains({from, to});
                         },
                         [this](const LeaseNode& node) { check_writable(node); },
                         [this](const LeaseEntry& entry) {
                           if (entry.id != 0) acknowledged_.insert(entry.id);
                         }};
  store_.is_cut_off = [this](std::size_t node) { return cut_off_.contains(node); };
  store_.faults = some_faults(chance_, pace_);
  for (std::size_t i = 0; i < kNodes; ++i) {
    nodes_.push_back(std::make_unique<LeaseNode>(world, i, sync_count, sabotage));
    events_.in(chance_.between(0, 1'000'000), [this, i] { nodes_[i]->start(); });
  }
}

LeaseCounts LeaseSimulation::run() {
  try {
    if (chance_.in_thousand(pace_.is_tight ? 250 : 750)) {
      events_.in(10'000'000, [this] { schedule_chaos(); });
    } else {
      events_.in(6'000'000, [this] { schedule_races(); });
    }
    events_.run_until(events_.now() + kFaults_us);
    settle();
  } catch (const Broken& broken) {
    throw Broken(fmt::format("{}\n{}", broken.what(), describe()));
  }
  counts_.events = events_.count();
  return counts_;
}

// --- faults ---

void LeaseSimulation::schedule_chaos() {
  if (calm_) return;
  chaos();
  events_.in(chance_.between(50'000, 5'000'000), [this] { schedule_chaos(); });
}

void LeaseSimulation::chaos() {
  switch (chance_.below(19)) {
    case 0:
    case 1:
      return crash_one(any());
    case 2:
    case 3:
      return crash_one(*nodes_[leader_or_any()]);
    case 4:
      return any().pause(chance_.between(
          1'000, chance_.in_thousand(500) ? pace_.stop_us : std::int64_t{8'000'000}));
    case 5:
      return nodes_[leader_or_any()]->hang_sidecar(chance_.between(1'000, 3 * pace_.stop_us));
    case 6:
    case 7:
      return stop_the_store();
    case 8:
    case 9:
      return cut_off_from_store(chance_.below(kNodes), chance_.between(100'000, 14'000'000));
    case 10:
      return part();
    case 11:
      parted_.clear();
      return;
    case 12:
      return any().switch_over_to(any());
    case 13:
      return any().take();
    case 14:
      return lose_a_disk(any());
    case 15:
    case 16:
    case 17:
      return isolate(leader_or_any(), chance_.between(100'000, 14'000'000));
    default:
      store_.set_paused(true);
      events_.in(chance_.between(100'000, 10'000'000), [this] { store_.set_paused(false); });
  }
}

std::size_t LeaseSimulation::leader_or_any() {
  const auto node = chance_.below(kNodes);
  if (!chance_.in_thousand(700)) return node;
  for (std::size_t i = 0; i < kNodes; ++i) {
    if (nodes_[i]->is_writable()) return i;
  }
  return node;
}

void LeaseSimulation::crash_one(LeaseNode& node) {
  if (chance_.in_thousand(500)) {
    node.crash();
  } else {
    node.crash_sidecar();
  }
  events_.in(chance_.between(50'000, 12'000'000), [&node] { node.start(); });
}

// One at a time: with a second one, what was acknowledged may be nowhere.
void LeaseSimulation::lose_a_disk(LeaseNode& node) {
  const bool others_have_theirs = std::ranges::all_of(
      nodes_, [&](const auto& other) { return other.get() == &node || other->is_proved(); });
  if (!others_have_theirs) return;
  node.lose_disk();
  events_.in(chance_.between(50'000, 5'000'000), [&node] { node.start(); });
}

void LeaseSimulation::stop_the_store() {
  store_.is_down = true;
  events_.in(chance_.between(100'000, 14'000'000), [this] { store_.is_down = false; });
}

void LeaseSimulation::cut_off_from_store(std::size_t node, std::int64_t for_us) {
  cut_off_.insert(node);
  events_.in(for_us, [this, node] { cut_off_.erase(node); });
}

void LeaseSimulation::part() {
  parted_.clear();
  for (std::size_t from = 0; from < kNodes; ++from) {
    for (std::size_t to = 0; to < kNodes; ++to) {
      if (from != to && chance_.in_thousand(400)) parted_.insert({from, to});
    }
  }
}

// The cable of a machine, which goes on as if nothing were.
void LeaseSimulation::isolate(std::size_t node, std::int64_t for_us) {
  ++counts_.isolated;
  cut_off_from_store(node, for_us);
  for (std::size_t other = 0; other < kNodes; ++other) {
    if (other != node) parted_.insert({{node, other}, {other, node}});
  }
  events_.in(for_us, [this, node] {
    std::erase_if(parted_,
                  [node](const auto& way) { return way.first == node || way.second == node; });
  });
}

void LeaseSimulation::mend() {
  store_.is_down = false;
  store_.set_paused(false);
  parted_.clear();
  cut_off_.clear();
  for (auto& node : nodes_) node->start();
}

// --- races: a cluster that is well, and one fault that makes another node the primary ---

void LeaseSimulation::schedule_races() {
  if (calm_) return;
  mend();
  if (pace_.is_tight) {
    for (auto& node : nodes_) node->keep_time(!node->is_writable());
  }
  const auto well_us = chance_.between(2'000'000, 4'000'000);
  const auto race_us = chance_.between(5'500'000, 8'000'000);
  events_.in(well_us, [this, race_us] { race(race_us); });
  events_.in(well_us + race_us, [this] { schedule_races(); });
}

void LeaseSimulation::race(std::int64_t for_us) {
  const auto leader =
      std::ranges::find_if(nodes_, [](const auto& node) { return node->is_writable(); });
  if (calm_ || leader == nodes_.end()) return;
  ++counts_.races;
  const auto index = static_cast<std::size_t>(leader - nodes_.begin());
  switch (chance_.below(5)) {
    case 0:
    case 1:
      return isolate(index, for_us);
    case 2:
      return cut_off_from_store(index, for_us);
    case 3: {  // the set of those whose commits wait is about to change
      const auto follower = (index + 1 + chance_.below(kNodes - 1)) % kNodes;
      parted_.insert({{index, follower}, {follower, index}});
      events_.in(chance_.between(100'000, 1'500'000), [this, index] { nodes_[index]->crash(); });
      return;
    }
    default:
      return (*leader)->crash_sidecar();
  }
}

// --- after the faults ---

void LeaseSimulation::settle() {
  calm_ = true;
  store_.faults = {};
  mend();
  const auto deadline = events_.now() + kConverge_us;
  while (!has_converged()) {
    if (events_.now() > deadline) throw Broken("the nodes do not agree");
    for (auto& node : nodes_) node->start();
    events_.run_until(events_.now() + 1'000'000);
    if (events_.now() > deadline - kConverge_us / 2) decide_as_operator();
  }
  for (const auto& node : nodes_) {
    if (node->is_writable()) check_acknowledged(*node);
  }
}

// What no machine decides: a primary was lost while automatics were paused, or with the only disk
// that had what it had put on record. The furthest is promoted, of those that have all that was
// acknowledged.
void LeaseSimulation::decide_as_operator() {
  LeaseNode* best = nullptr;
  for (auto& node : nodes_) {
    if (node->is_writable()) return;
    if (!has_acknowledged(*node)) continue;
    const bool is_further =
        best == nullptr || std::pair(node->last_epoch(), node->log().size()) >
                               std::pair(best->last_epoch(), best->log().size());
    if (is_further) best = node.get();
  }
  if (best == nullptr) throw Broken("nobody has all that was acknowledged");
  ++counts_.decided_by_hand;
  best->take_by_force();
}

bool LeaseSimulation::has_converged() const {
  const LeaseNode* leader = nullptr;
  for (const auto& node : nodes_) {
    if (!node->is_up()) return false;
    if (node->is_writable()) leader = node.get();
  }
  if (leader == nullptr) return false;
  // Its application writes on: the others follow closely, on the same way.
  return std::ranges::all_of(nodes_, [&](const auto& node) {
    const auto& log = node->log();
    return log.size() + 50 >= leader->log().size() && log.size() <= leader->log().size() &&
           std::equal(log.begin(), log.end(), leader->log().begin());
  });
}

// --- promises ---

void LeaseSimulation::check_writable(const LeaseNode& node) {
  for (const auto& other : nodes_) {
    if (other.get() == &node || !other->is_writable()) continue;
    throw Broken(fmt::format("{} and {} are written to at once", node.name(), other->name()));
  }
  const auto epoch = node.last_epoch();
  const auto [found, is_new] = epochs_.emplace(epoch, node.name());
  if (found->second != node.name()) {
    throw Broken(fmt::format("{} and {} both led epoch {}", node.name(), found->second, epoch));
  }
  if (is_new) check_acknowledged(node);
}

bool LeaseSimulation::has_acknowledged(const LeaseNode& node) const {
  std::set<std::uint64_t> there;
  for (const auto& entry : node.log()) there.insert(entry.id);
  return std::ranges::includes(there, acknowledged_);
}

void LeaseSimulation::check_acknowledged(const LeaseNode& node) const {
  if (has_acknowledged(node)) return;
  throw Broken(fmt::format("{} leads epoch {} without a transaction that was acknowledged",
                           node.name(), node.last_epoch()));
}

std::string LeaseSimulation::describe() const {
  auto text =
      fmt::format("at {:.3f} s, store within {} ms, promotions {}, transactions {}, stops {}",
                  static_cast<double>(events_.now()) / 1e6, store_.faults.delay_us / 1000,
                  pace_.promotion_us / 1000, pace_.transaction_us / 1000, pace_.stop_us / 1000);
  if (store_.leader()) text += "\nrecord: " + to_json(store_.leader()->value);
  for (const auto& node : nodes_) text += "\n" + node->describe();
  return text;
}

}  // namespace understudy::sim
