// A model of the lease store and of the ways to it: answers that are late or lost, requests that
// are carried out long after their sender gave up on them, or twice; outages; nodes cut off.
#pragma once

#include "lease/lease_store.h"
#include "tests/simulation/events.h"

#include <functional>
#include <map>

namespace understudy::sim {

struct LeaseFaults {
  std::uint64_t lose_answer = 0;   // all in a thousand requests
  std::uint64_t duplicate = 0;     // carried out again later
  std::uint64_t late = 0;          // lost ones, that are carried out all the same
  std::uint64_t slow = 0;          // renewals whose answer nearly comes too late
  std::int64_t delay_us = 10'000;  // one way, at most
};

class ToyLeaseStore {
 public:
  ToyLeaseStore(Events& events, Chance& chance) : events_(events), chance_(chance) {}

  // `unknown`: no answer came in time.
  void observe(std::size_t node, std::function<void(LeaseView)> answer,
               std::function<void()> unknown);
  void swap(std::size_t node, const LeaderRecord& record, std::int64_t expected,
            std::function<void(SwapOutcome)> answer, std::function<void()> unknown);
  void publish(std::size_t node, const MemberRecord& record);
  void set_paused(bool is_paused) { is_paused_ = is_paused, ++revision_; }

  LeaseFaults faults;
  bool is_down = false;
  std::function<bool(std::size_t node)> is_cut_off = [](std::size_t) { return false; };

  [[nodiscard]] const std::optional<Versioned<LeaderRecord>>& leader() const { return leader_; }

 private:
  [[nodiscard]] LeaseView view() const;
  [[nodiscard]] SwapOutcome carry_out_swap(const LeaderRecord& record, std::int64_t expected);
  // Carries out `effect` some time or never, and calls one of the others.
  template <typename T>
  void call(std::size_t node, std::uint64_t slow, std::function<T()> effect,
            std::function<void(T)> answer, std::function<void()> unknown);

  Events& events_;
  Chance& chance_;
  std::int64_t revision_ = 1;
  std::optional<Versioned<LeaderRecord>> leader_;
  std::map<std::string, Versioned<MemberRecord>> members_;
  bool is_paused_ = false;
};

}  // namespace understudy::sim
