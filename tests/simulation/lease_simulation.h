// One run of a cluster whose primary is decided by a lease: crashes, machines and processes that
// stand still, an unreliable store, nodes cut off from it and from each other, lost disks, clocks
// of different rates, an operator; then healing and convergence. Some runs are such a chaos, the
// others races: a cluster that is well loses its primary, again and again.
#pragma once

#include "tests/simulation/lease_node.h"

#include <set>

namespace understudy::sim {

class LeaseSimulation {
 public:
  LeaseSimulation(std::uint64_t seed, std::size_t sync_count,
                  LeaseSabotage sabotage = LeaseSabotage::none);
  // Throws Broken with the whole story when a promise does not hold.
  LeaseCounts run();

 private:
  void schedule_chaos();
  void chaos();
  void crash_one(LeaseNode& node);
  void lose_a_disk(LeaseNode& node);
  void stop_the_store();
  void cut_off_from_store(std::size_t node, std::int64_t for_us);
  void part();
  void isolate(std::size_t node, std::int64_t for_us);
  void mend();
  void schedule_races();
  void race(std::int64_t for_us);
  void settle();
  void decide_as_operator();
  void check_writable(const LeaseNode& node);
  [[nodiscard]] bool has_acknowledged(const LeaseNode& node) const;
  void check_acknowledged(const LeaseNode& node) const;
  [[nodiscard]] bool has_converged() const;
  [[nodiscard]] LeaseNode& any() { return *nodes_[chance_.below(nodes_.size())]; }
  [[nodiscard]] std::size_t leader_or_any();
  [[nodiscard]] std::string describe() const;

  Events events_;
  Chance chance_;
  ToyLeaseStore store_;
  LeaseCounts counts_;
  const LeasePace pace_;
  std::vector<std::unique_ptr<LeaseNode>> nodes_;
  std::set<std::pair<std::size_t, std::size_t>> parted_;  // from, to
  std::set<std::size_t> cut_off_;
  std::map<Epoch, std::string> epochs_;  // who led each
  std::set<std::uint64_t> acknowledged_;
  bool calm_ = false;
};

}  // namespace understudy::sim
