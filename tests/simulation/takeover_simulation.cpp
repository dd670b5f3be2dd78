#include "tests/simulation/takeover_simulation.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::sim {
namespace {

constexpr std::int64_t kFaults_us = 20'000'000;
constexpr std::int64_t kConverge_us = 90'000'000;
constexpr std::size_t kNodes = 3;

}  // namespace

TakeoverSimulation::TakeoverSimulation(std::uint64_t seed, Operator who, Sabotage sabotage)
    : chance_(seed * 0x9e3779b97f4a7c15ull + 2),
      who_(who),
      network_(events_, chance_),
      side_(kNodes, 0) {
  for (std::size_t i = 0; i < kNodes; ++i) {
    nodes_.push_back(std::make_unique<ToyNode>(
        ToyNode::World{events_, chance_, network_, lineage_}, i, kNodes,
        i == 0 ? NodeRole::primary : NodeRole::standby, sabotage, counts_));
    nodes_[i]->acknowledged_by = [this](const std::string& name) { return acknowledged_by(name); };
    events_.in(chance_.between(0, 500'000), [this, i] { nodes_[i]->start(); });
  }
  // Clients 0 … are the standbys' connections, those behind them each node's links to each.
  network_.is_parted = [this](std::size_t client, std::size_t server) {
    const auto node = client < kNodes ? client : (client - kNodes) / kNodes;
    return side_[node] != side_[server];
  };
  network_.faults = {.drop = chance_.below(4) * 15,
                     .duplicate = chance_.below(3) * 30,
                     .reorder = chance_.below(3) * 40,
                     .delay_us = chance_.between(100, 20'000)};
  write_gap_us_ = chance_.between(5'000, 100'000);
}

TakeoverCounts TakeoverSimulation::run() {
  try {
    every_write();
    every_flush();
    events_.in(2'000'000, [this] { schedule_chaos(); });
    events_.run_until(events_.now() + kFaults_us);
    settle();
  } catch (const Broken& broken) {
    throw Broken(fmt::format("{}\n{}", broken.what(), describe()));
  }
  counts_.events = events_.count();
  return counts_;
}

void TakeoverSimulation::every_write() {
  for (auto& node : nodes_) {
    if (node->is_writable()) check_writers();
    if (!calm_ || chance_.in_thousand(100)) node->application_writes();
  }
  events_.in(chance_.between(0, 2 * write_gap_us_), [this] { every_write(); });
}

void TakeoverSimulation::every_flush() {
  for (auto& node : nodes_) node->flush();
  check_acknowledged();
  events_.in(chance_.between(200, 20'000), [this] { every_flush(); });
}

// --- faults ---

void TakeoverSimulation::schedule_chaos() {
  if (calm_) return;
  chaos();
  events_.in(chance_.between(10'000, 900'000), [this] { schedule_chaos(); });
}

void TakeoverSimulation::chaos() {
  switch (chance_.below(11)) {
    case 0:
    case 1:
      return crash_one();
    case 2:
      return part();
    case 3:
    case 4:
      side_.assign(kNodes, 0);
      return;
    case 5:
      return lose_primary();
    case 6:
      return nodes_[chance_.below(kNodes)]->trim(chance_.below(40));
    default:
      return command_one();
  }
}

void TakeoverSimulation::part() {
  for (auto& side : side_) side = chance_.below(2);
}

void TakeoverSimulation::crash_one() {
  auto& node = *nodes_[chance_.below(kNodes)];
  // What a primary that dies fenced does is another promise's business (its fence is on record).
  if (who_ == Operator::switchovers && node.is_switching_over()) return;
  node.crash();
  events_.in(chance_.between(1'000, 4'000'000), [&node] {
    if (!node.is_up()) node.start();
  });
}

// The usual story: the primary is gone, and after a while somebody promotes a standby.
void TakeoverSimulation::lose_primary() {
  if (who_ == Operator::switchovers) return;
  const auto primary =
      std::ranges::find_if(nodes_, [](const auto& node) { return node->is_writable(); });
  if (primary == nodes_.end()) return;
  (*primary)->crash();
  events_.in(chance_.between(3'000'000, 6'000'000), [&node = **primary] {
    if (!node.is_up()) node.start();
  });
  auto& heir = *nodes_[chance_.below(kNodes)];
  events_.in(chance_.between(100'000, 5'500'000), [&heir] { heir.promote(false); });
}

void TakeoverSimulation::command_one() {
  auto& node = *nodes_[chance_.below(kNodes)];
  const auto& other = nodes_[chance_.below(kNodes)]->name();
  if (who_ == Operator::switchovers) return node.switch_over_to(other);
  switch (chance_.below(4)) {
    case 0:
      return node.promote(true);
    case 1:
      return node.promote(false);
    default:
      return node.switch_over_to(other);
  }
}

// --- after the faults ---

void TakeoverSimulation::settle() {
  calm_ = true;
  network_.faults = {};
  side_.assign(kNodes, 0);
  for (std::size_t i = 0; i < kNodes; ++i) network_.heal(i);
  const auto deadline = events_.now() + kConverge_us;
  while (!has_converged()) {
    if (events_.now() > deadline) throw Broken("the nodes do not agree");
    for (auto& node : nodes_) {
      if (!node->is_up()) node->start();  // died at a step
    }
    events_.run_until(events_.now() + 2'000'000);
    decide_as_operator();
  }
}

// What no machine decides: who stays of two openings of an epoch, and who leads when nobody does.
void TakeoverSimulation::decide_as_operator() {
  Epoch highest = 0;
  for (const auto& node : nodes_) highest = std::max(highest, node->epoch());
  ToyNode* best = nullptr;
  std::set<Tenure> tenures;
  bool led = false;
  for (const auto& node : nodes_) {
    if (node->epoch() != highest) continue;
    tenures.insert(node->tenure());
    led = led || node->leads();
    const bool better = !best || (node->leads() && !best->leads()) ||
                        (node->leads() == best->leads() && node->last().seq > best->last().seq);
    if (better) best = node.get();
  }
  if (tenures.size() > 1) return best->promote(true);
  if (led || !best) return;
  best->promote(++refusals_ > 3);
}

const ToyNode* TakeoverSimulation::leader() const {
  const ToyNode* found = nullptr;
  for (const auto& node : nodes_) {
    if (!node->leads()) continue;
    if (found) return nullptr;
    found = node.get();
  }
  if (!found || !found->is_writable()) return nullptr;
  const bool is_highest = std::ranges::all_of(
      nodes_, [&](const auto& node) { return node->epoch() <= found->epoch(); });
  return is_highest ? found : nullptr;
}

bool TakeoverSimulation::has_converged() const {
  const auto* first = leader();
  if (!first) return false;
  return std::ranges::all_of(nodes_, [&](const auto& node) {
    return node.get() == first || node->is_standby_at(first->last());
  });
}

// --- promises ---

void TakeoverSimulation::check_writers() const {
  std::map<Tenure, int> writers;
  for (const auto& node : nodes_) {
    if (node->is_writable() && ++writers[node->tenure()] > 1) {
      throw Broken("two nodes are written to in one epoch");
    }
  }
  if (who_ == Operator::switchovers && !calm_ && writers.size() > 1) {
    throw Broken("two nodes are written to, though nobody was promoted by hand");
  }
}

std::map<Tenure, Seq> TakeoverSimulation::acknowledged_by(const std::string& name) const {
  std::map<Tenure, Seq> all;
  for (const auto& node : nodes_) {
    for (const auto& [tenure, standbys] : node->acknowledged) {
      const auto found = standbys.find(name);
      if (found == standbys.end()) continue;
      all[tenure] = std::max(all[tenure], found->second);
    }
  }
  return all;
}

// What a standby said it has on disk it has, or had and keeps as an orphan.
void TakeoverSimulation::check_acknowledged() const {
  for (const auto& node : nodes_) {
    for (const auto& [tenure, seq] : acknowledged_by(node->name())) {
      if (node->ever_had(tenure) >= seq) continue;
      throw Broken(fmt::format("{} acknowledged {} of tenure {}, and never had it", node->name(),
                               seq, hex(tenure)));
    }
  }
}

std::string TakeoverSimulation::describe() const {
  auto text = fmt::format("at {:.3f} s", static_cast<double>(events_.now()) / 1e6);
  for (const auto& node : nodes_) text += "\n" + node->describe();
  return text;
}

}  // namespace understudy::sim
