#include "tests/simulation/lease_simulation.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::sim {
namespace {

constexpr std::size_t kNodes = 3;
constexpr std::int64_t kFaults_us = 60'000'000;
constexpr std::int64_t kConverge_us = 90'000'000;

}  // namespace

LeaseSimulation::LeaseSimulation(std::uint64_t seed, std::size_t sync_count, LeaseSabotage sabotage)
    : chance_(seed * 0x9e3779b97f4a7c15ull + 3), store_(events_, chance_) {
  LeaseNode::World world{events_,
                         chance_,
                         store_,
                         counts_,
                         nodes_,
                         [this](std::size_t from, std::size_t to) {
                           return parted_.contains({from, to});
                         },
                         [this](const LeaseNode& node) { check_writable(node); },
                         [this](const LeaseEntry& entry) {
                           if (entry.id != 0) acknowledged_.insert(entry.id);
                         }};
  store_.is_cut_off = [this](std::size_t node) { return cut_off_.contains(node); };
  store_.faults = {.lose_answer = chance_.below(4) * 20,
                   .duplicate = chance_.below(3) * 30,
                   .late = chance_.below(3) * 400,
                   .delay_us = chance_.between(1'000, 200'000)};
  for (std::size_t i = 0; i < kNodes; ++i) {
    nodes_.push_back(std::make_unique<LeaseNode>(world, i, sync_count, sabotage));
    events_.in(chance_.between(0, 1'000'000), [this, i] { nodes_[i]->start(); });
  }
}

LeaseCounts LeaseSimulation::run() {
  try {
    events_.in(10'000'000, [this] { schedule_chaos(); });
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
  switch (chance_.below(18)) {
    case 0:
    case 1:
    case 2:
      return crash_one(any());
    case 3:
      for (auto& node : nodes_) {
        if (node->is_writable()) return crash_one(*node);
      }
      return;
    case 4:
    case 5:
      return any().pause(chance_.between(1'000, chance_.in_thousand(500) ? 240'000 : 8'000'000));
    case 6:
    case 7:
      return stop_the_store();
    case 8:
    case 9:
      return cut_off_from_store();
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
      return isolate_one();
    default:
      store_.set_paused(true);
      events_.in(chance_.between(100'000, 10'000'000), [this] { store_.set_paused(false); });
  }
}

void LeaseSimulation::crash_one(LeaseNode& node) {
  node.crash();
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

void LeaseSimulation::cut_off_from_store() {
  const auto node = chance_.below(kNodes);
  cut_off_.insert(node);
  events_.in(chance_.between(100'000, 14'000'000), [this, node] { cut_off_.erase(node); });
}

void LeaseSimulation::part() {
  parted_.clear();
  for (std::size_t from = 0; from < kNodes; ++from) {
    for (std::size_t to = 0; to < kNodes; ++to) {
      if (from != to && chance_.in_thousand(400)) parted_.insert({from, to});
    }
  }
}

// The cable of a machine, more often of the one that leads, which goes on as if nothing were.
void LeaseSimulation::isolate_one() {
  auto node = chance_.below(kNodes);
  for (std::size_t i = 0; i < kNodes; ++i) {
    if (nodes_[i]->is_writable() && chance_.in_thousand(700)) node = i;
  }
  ++counts_.isolated;
  cut_off_.insert(node);
  for (std::size_t other = 0; other < kNodes; ++other) {
    if (other != node) parted_.insert({{node, other}, {other, node}});
  }
  events_.in(chance_.between(100'000, 14'000'000), [this, node] {
    cut_off_.erase(node);
    std::erase_if(parted_,
                  [node](const auto& way) { return way.first == node || way.second == node; });
  });
}

// --- after the faults ---

void LeaseSimulation::settle() {
  calm_ = true;
  store_.faults = {};
  store_.is_down = false;
  store_.set_paused(false);
  parted_.clear();
  cut_off_.clear();
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
  auto text = fmt::format("at {:.3f} s", static_cast<double>(events_.now()) / 1e6);
  if (store_.leader()) text += "\nrecord: " + to_json(store_.leader()->value);
  for (const auto& node : nodes_) text += "\n" + node->describe();
  return text;
}

}  // namespace understudy::sim
