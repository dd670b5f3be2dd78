// Lineage: what every tenure committed, and on top of which one it was opened. The oracle that
// every node of a cluster is held against: a log is one path through this tree, a replica a point
// on it.
#pragma once

#include "common/record/history.h"
#include "tests/simulation/toy_pages.h"

#include <map>

namespace understudy::sim {

using Tenure = std::uint64_t;

// The tenure that made record `seq` of a log with this history.
[[nodiscard]] Tenure tenure_at(const History& history, Seq seq);
// The last record of that tenure that a log with this history and end can hold; 0: none.
[[nodiscard]] Seq end_of(Tenure tenure, const History& history, Seq last);

class Lineage {
 public:
  void open(const EpochStart& start, Tenure parent) { openings_[start.tenure] = {start, parent}; }
  void add(Tenure tenure, const Position& position, const ToyPages& pages) {
    states_[tenure][position.seq] = {position, pages};
  }
  // Captured by its primary and lost with its process, before it was durable.
  void forget_after(Tenure tenure, Seq seq) {
    auto& states = states_[tenure];
    states.erase(states.upper_bound(seq), states.end());
  }
  [[nodiscard]] const ToyPages& pages(Tenure tenure, Seq seq) const {
    return states_.at(tenure).at(seq).pages;
  }
  [[nodiscard]] bool knows(Tenure tenure, const Position& position) const;
  [[nodiscard]] bool knows_anywhere(const Position& position) const;
  // Every opening in it happened, each on top of the one before.
  [[nodiscard]] bool is_path(const History& history) const;

 private:
  struct State {
    Position position;
    ToyPages pages;
  };
  struct Opening {
    EpochStart start;
    Tenure parent = 0;
  };
  std::map<Tenure, std::map<Seq, State>> states_;
  std::map<Tenure, Opening> openings_;
};

}  // namespace understudy::sim
