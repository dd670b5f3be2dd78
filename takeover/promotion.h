// Promotion, the judgement: may this node become primary now, and what would be lost? Pure; the
// Supervisor gathers the facts and carries out the steps.
//
// Steps, each a point where the process may die (docs/decisions/0011-takeover.md):
//   drain   apply all that was received
//   veto    --before-promote runs; its failure ends the promotion, with nothing changed
//   halt    the subscriber ends; its write lock is kept as a fence
//   open    the epoch's record is on disk: from here on the promotion is finished by any start
//   free    the fence falls: the application may write
//   serve   the publisher runs, peers are told, --on-promote runs
#pragma once

#include "common/node/command_handler.h"
#include "common/node/status.h"

#include <string>
#include <vector>

namespace understudy {

struct PromotionFacts {
  NodeRole role = NodeRole::standby;
  NodeState state = NodeState::streaming;
  bool has_state = false;  // there is a whole database that belongs to a position of the log
  bool listens = false;    // --listen was given
  Progression seqs = {};   // of this node
  std::optional<Seq> primary_seq = {};  // the last that was heard of the primary
  // The primary answers now.
  bool primary_answers = false;
  std::string primary = {};  // the last one's name, by its word or by this node's log
  // A node of that name answers, as whatever: so none of the silent ones is the lost primary.
  bool last_primary_is_there = false;
  // A peer that does not answer now; its name, when it ever told it, and its address.
  struct Silent {
    std::string node;
    std::string address;
  };
  std::vector<Silent> silent = {};
  // A standby that answers and has more of the same epoch or a later one.
  struct Ahead {
    std::string node;
    Epoch epoch = 0;
    Seq durable = 0;
  };
  std::vector<Ahead> ahead = {};
  Epoch epoch = 0;             // of this node's log
  bool is_fork = false;        // another node leads the same epoch by a promotion of its own
  bool is_switchover = false;  // the primary itself asks, fenced and drained
};

// Empty: nothing speaks against it.
[[nodiscard]] std::vector<CommandObjection> object_to(const PromotionFacts& facts);

}  // namespace understudy
