// One run: a publisher, two standbys that follow it, a third behind the second (or behind all), and
// a seed that decides everything else. First faults and promises, then healing and convergence.
#pragma once

#include "tests/simulation/toy_standby.h"

namespace understudy::sim {

struct RunCounts {
  std::uint64_t events = 0, commits = 0, crashes = 0, resyncs = 0, failed_resyncs = 0,
                orphanings = 0, tails_dropped = 0, appends = 0, damages = 0, rewinds = 0;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed, Sabotage sabotage = Sabotage::none);

  // Throws Broken with the whole story when a promise does not hold.
  RunCounts run();

 private:
  void schedule_chaos();
  void chaos();
  void crash_publisher();
  void disturb_standby(ToyStandby& standby);
  void every_commit();
  void every_flush();
  void settle();
  [[nodiscard]] bool has_converged() const;
  [[nodiscard]] std::string describe() const;

  Events events_;
  Chance chance_;
  ToyNetwork network_;
  Truth truth_;
  ToyPublisher publisher_;
  std::vector<std::unique_ptr<ToyDisk>> disks_;
  std::vector<std::unique_ptr<ToyStandby>> standbys_;
  RunCounts counts_;
  bool calm_ = false;
  std::int64_t commit_gap_us_ = 0;
};

}  // namespace understudy::sim
