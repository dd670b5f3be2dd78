// What the primary committed and made durable: the oracle that every standby is held against.
#pragma once

#include "tests/simulation/toy_pages.h"

#include <map>

namespace understudy::sim {

class Truth {
 public:
  void add(const Position& position, const ToyPages& pages) {
    states_[position.seq] = {position, pages};
  }
  // The primary lost what it had not made durable, or its log was restored from an old copy.
  void forget_after(Seq seq) { states_.erase(states_.upper_bound(seq), states_.end()); }
  [[nodiscard]] const ToyPages& pages(Seq seq) const { return states_.at(seq).pages; }
  [[nodiscard]] bool knows(const Position& position) const {
    const auto found = states_.find(position.seq);
    return found != states_.end() && found->second.position == position;
  }

 private:
  struct State {
    Position position;
    ToyPages pages;
  };
  std::map<Seq, State> states_;
};

}  // namespace understudy::sim
