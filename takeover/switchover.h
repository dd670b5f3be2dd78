// Switchover, the primary's half, as a state machine: fence, drain, demand, stand down.
//
// Question answered: what does a primary do next that hands its place over? Events are method
// calls, actions come out of take_actions(). No clock, thread, file or socket in it.
//
// Invariants
//  - The target is asked only after the fence is held and all is drained.
//  - From then on the fence falls only when it is certain that the target will not lead by this
//    demand: it refused it, or it is another process than the one that was asked, and no primary.
//  - A higher epoch, seen anywhere, ends it: the node stands down.
//
// Time is monotonic microseconds. One thread.
#pragma once

#include "common/node/status.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace understudy {

constexpr std::int64_t kFenceLimit_us = 10'000'000;  // an application's open transaction
constexpr std::int64_t kDrainLimit_us = 10'000'000;
constexpr std::int64_t kDemandEvery_us = 500'000;     // the demand is sent again so often
constexpr std::int64_t kDemandAnswer_us = 3'000'000;  // then: say that it is stuck

namespace switchover {

struct TakeFence {};
struct Drain {};
// Ask that run of the target, and no other, to take over once it has `position`.
struct Demand {
  std::uint64_t id = 0;
  std::uint64_t process = 0;
  Position position;
};
struct DropFence {};
// Become a standby.
struct StandDown {
  Epoch epoch = 0;
};
// The target is silent, and the node stays fenced: for log and status.
struct Stuck {
  std::string text;
};
// It is over, and this node is still the primary.
struct GiveUp {
  std::string reason;
};

using Action = std::variant<TakeFence, Drain, Demand, DropFence, StandDown, Stuck, GiveUp>;

}  // namespace switchover

// What the target says of itself.
struct TargetReport {
  std::uint64_t process = 0;     // random, of one run of the program
  std::optional<NodeRole> role;  // nullopt: it does not know yet (starting)
  Epoch epoch = 0;
  std::uint64_t declined = 0;  // the last demand that it refused
};

class Switchover {
 public:
  // `process`: the run of the target that is asked. `epoch`: of this node.
  Switchover(std::uint64_t id, std::string target, std::uint64_t process, Epoch epoch,
             std::int64_t now_us);

  void tick(std::int64_t now_us);
  void on_fenced(bool is_held);                              // false: it could not be taken in time
  void on_drained(const std::optional<Position>& position);  // nullopt: not in time
  void on_report(const TargetReport& report);                // of the target
  void on_higher_epoch(Epoch epoch);                         // seen anywhere
  void on_unfenced_by_operator();
  void on_handing_over_failed();  // the demand was not made: nobody else was told to lead

  [[nodiscard]] std::vector<switchover::Action> take_actions();
  [[nodiscard]] bool is_over() const { return step_ == Step::over; }
  [[nodiscard]] const std::string& target() const { return target_; }

 private:
  enum class Step { fencing, draining, demanding, over };
  void demand();
  void give_up(std::string reason, bool drop_fence);

  const std::uint64_t id_;
  const std::string target_;
  const std::uint64_t process_;
  const Epoch epoch_;
  Step step_ = Step::fencing;
  Position position_;
  std::int64_t now_us_;
  std::int64_t demanded_at_us_ = 0;  // last time
  std::int64_t first_demand_us_ = 0;
  bool said_stuck_ = false;
  std::vector<switchover::Action> actions_;
};

}  // namespace understudy
