// A PeerView on a stage: endpoints, a clock and answers that a test makes up.
#pragma once

#include "common/cluster/peer_view.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace understudy::test {

using Kind = PeerEvent::Kind;

inline constexpr std::int64_t kStart_us = 1'000'000'000;

inline StreamId stream_id(std::uint8_t filled = 7) {
  StreamId id;
  id.bytes.fill(filled);
  return id;
}

inline PeerReport report(std::string node, PeerRole role, Epoch epoch, std::uint64_t tenure,
                         std::uint64_t process = 1) {
  PeerReport made;
  made.node = std::move(node);
  made.stream = stream_id();
  made.process = process;
  made.role = role;
  made.epoch = epoch;
  made.tenure = tenure;
  return made;
}

inline PeerReport self_report() {
  return report("self", PeerRole::standby, 1, 10, 99);
}

// A view with three endpoints, and the clock that it lives by.
struct Stage {
  std::int64_t now_us = kStart_us;
  PeerView view;
  std::vector<std::vector<std::uint64_t>> probes;  // by endpoint, all that it asked for

  explicit Stage(const PeerReport& self = self_report(), std::size_t endpoints = 3)
      : view(self, endpoints, 1000, kStart_us), probes(endpoints) {
    ask();
  }
  std::size_t collect() {
    const auto due = view.take_probes();
    for (const auto& probe : due) probes[probe.endpoint].push_back(probe.probe_id);
    return due.size();
  }
  void ask() {
    view.announce(now_us);
    collect();
  }
  void answer(std::size_t endpoint, const PeerReport& said) {
    view.on_answer(endpoint, probes[endpoint].back(), said, now_us);
  }
  // Asks anew and answers that.
  void ask_and_answer(std::size_t endpoint, const PeerReport& said) {
    now_us += 1000;
    ask();
    now_us += 1000;
    answer(endpoint, said);
  }
  void pass(
      std::int64_t time_us, const std::function<void()>& at_each_tick = [] {}) {
    const auto until_us = now_us + time_us;
    while (view.next_tick_us() <= until_us) {
      now_us = std::max(now_us, view.next_tick_us());
      view.tick(now_us);
      collect();
      at_each_tick();
    }
    now_us = until_us;
    view.tick(now_us);
  }
  std::string leader() const {
    const auto primary = view.primary();
    return primary ? primary->report.node : "";
  }
  // Of the events not taken yet.
  std::size_t count(Kind kind) {
    const auto events = view.take_events();
    return static_cast<std::size_t>(std::ranges::count(events, kind, &PeerEvent::kind));
  }
};

}  // namespace understudy::test
