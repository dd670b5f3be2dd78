// One run of a cluster of nodes: crashes, partitions, promotions, forced ones, switchovers, in the
// order that a seed says; then healing, an operator who decides what only a person can, and
// convergence.
#pragma once

#include "tests/simulation/toy_node.h"

namespace understudy::sim {

// What an operator does beside what the network and the machines do.
enum class Operator {
  anything,     // promotes whom he likes, by force too
  switchovers,  // only moves the primary: then there is never more than one that is written to
};

class TakeoverSimulation {
 public:
  TakeoverSimulation(std::uint64_t seed, Operator who, Sabotage sabotage = Sabotage::none);
  // Throws Broken with the whole story when a promise does not hold.
  TakeoverCounts run();

 private:
  void every_write();
  void every_flush();
  void schedule_chaos();
  void chaos();
  void part();
  void crash_one();
  void lose_primary();
  void command_one();
  void settle();
  void decide_as_operator();
  void check_writers() const;
  void check_acknowledged() const;
  [[nodiscard]] const ToyNode* leader() const;  // of the highest epoch, alone; nullptr: none
  [[nodiscard]] bool has_converged() const;
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::map<Tenure, Seq> acknowledged_by(const std::string& name) const;

  Events events_;
  Chance chance_;
  const Operator who_;
  ToyNetwork network_;
  Lineage lineage_;
  TakeoverCounts counts_;
  std::vector<std::unique_ptr<ToyNode>> nodes_;
  std::vector<std::size_t> side_;  // of a partition, by node
  bool calm_ = false;
  int refusals_ = 0;
  std::int64_t write_gap_us_ = 0;
};

}  // namespace understudy::sim
