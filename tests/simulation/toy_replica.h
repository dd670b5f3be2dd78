// A model replica: the state that readers see, and the stage of a resync. What is in it survives a
// crash; real records are applied to it by their own rules (hash of each page, sum of each state).
#pragma once

#include "subscriber/follower.h"
#include "tests/simulation/toy_log.h"

namespace understudy::sim {

class ToyReplica {
 public:
  // What readers see; nullopt: no database yet.
  [[nodiscard]] const std::optional<Position>& shown_at() const { return shown_at_; }
  [[nodiscard]] const ToyPages& shown() const { return shown_; }

  enum class Applied { some, nothing, damaged };
  // Applies up to `records` records behind what is shown, as one step to a later state.
  Applied apply_from(const ToyLog& log, std::uint64_t records);

  void begin_stage(const StateOutline& outline);
  [[nodiscard]] std::vector<PageHash> hashes(PageNo first, PageNo count) const;
  void store(const PageAnswer& answer);
  // The stage becomes what is shown; false: no durable state at or after `min_seq` is right.
  [[nodiscard]] bool finish_stage(const ToyLog& log, Seq min_seq, bool ignore_as_of);

  void damage(Chance& chance);
  // Power loss: what was shown last may not have reached the disk.
  void roll_back(const Position& position, const ToyPages& pages);

 private:
  [[nodiscard]] const ToyPages& staged_or_shown() const { return stage_ ? stage_->pages : shown_; }

  struct Stage {
    StateOutline outline;
    ToyPages pages;
    std::map<PageNo, std::pair<PageNo, Seq>> groups;  // first → (count, as_of)
    [[nodiscard]] Seq as_of(PageNo page) const;
  };
  ToyPages shown_;
  std::optional<Position> shown_at_;
  std::optional<Stage> stage_;
};

}  // namespace understudy::sim
