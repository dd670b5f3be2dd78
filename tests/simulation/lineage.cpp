#include "tests/simulation/lineage.h"

#include <algorithm>

namespace understudy::sim {

Tenure tenure_at(const History& history, Seq seq) {
  Tenure tenure = history.front().tenure;
  for (const auto& start : history) {
    if (start.first_seq <= seq) tenure = start.tenure;
  }
  return tenure;
}

Seq end_of(Tenure tenure, const History& history, Seq last) {
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (history[i].tenure != tenure) continue;
    return i + 1 < history.size() ? std::min(last, history[i + 1].first_seq - 1) : last;
  }
  return 0;
}

bool Lineage::knows(Tenure tenure, const Position& position) const {
  const auto states = states_.find(tenure);
  if (states == states_.end()) return false;
  const auto found = states->second.find(position.seq);
  return found != states->second.end() && found->second.position == position;
}

bool Lineage::knows_anywhere(const Position& position) const {
  return std::ranges::any_of(states_,
                             [&](const auto& entry) { return knows(entry.first, position); });
}

bool Lineage::is_path(const History& history) const {
  Tenure parent = 0;
  for (const auto& start : history) {
    const auto found = openings_.find(start.tenure);
    if (found == openings_.end()) return false;
    if (!found->second.start.is_same(start) || found->second.parent != parent) return false;
    parent = start.tenure;
  }
  return true;
}

}  // namespace understudy::sim
