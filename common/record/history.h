// History: which node opened which epoch of a stream, and where in it. Two histories tell up to
// which record their logs can be the same.
//
// Invariants of a history: epochs and first_seqs rise (epochs 1 and 2 may both begin at 1); the
// first epoch of a stream is opened by nobody's record (it begins with the stream, before record
// 1), every other one by an epoch record, whose number is first_seq. Pure values; any thread. In a
// backend: schemas/backend.sql. In records: schemas/record.md.
#pragma once

#include "common/core/types.h"

#include <limits>

namespace understudy {

// What an epoch record says besides its header (record.h).
struct EpochOpening {
  std::string node = {};     // who opened it
  std::uint64_t tenure = 0;  // random: tells two openings of one number from each other; never 0
  std::string reason = {};   // for people
  bool operator==(const EpochOpening&) const = default;
};

constexpr std::size_t kNodeNameLimit = 64;        // bytes of EpochOpening::node
constexpr std::size_t kOpeningReasonLimit = 200;  // bytes of EpochOpening::reason
constexpr std::size_t kHistoryLimit = 256;        // openings that are sent: the newest

// Keeps the limits, has a tenure, and is of printable ASCII: it ends up in logs and JSON.
[[nodiscard]] bool is_sound(const EpochOpening& opening);

struct EpochStart {
  Epoch epoch = 0;
  std::string node = {};
  std::uint64_t tenure = 0;
  Seq first_seq = 0;  // the first record of the epoch; the epoch record, but for the first one
  StateSum sum = 0;   // of state first_seq - 1
  std::int64_t time_us = 0;  // when; Unix time in microseconds
  std::string reason = {};

  // The same opening; not: told in the same words.
  [[nodiscard]] bool is_same(const EpochStart& other) const {
    return epoch == other.epoch && tenure == other.tenure && first_seq == other.first_seq &&
           sum == other.sum;
  }
  bool operator==(const EpochStart&) const = default;
};

using History = std::vector<EpochStart>;  // ascending epochs

// How epoch 1 of a new stream begins: seq 1, a tenure drawn now. `sum` is that of seq 0.
[[nodiscard]] EpochStart begin_first_epoch(std::string node, StateSum sum);
// Epoch 1 of a stream from before epochs were put on record: the same on every node of it.
[[nodiscard]] EpochStart unrecorded_first_epoch(const StreamId& stream);

// Non-empty, epochs and first_seqs rise, every opening is sound. For histories of foreign origin.
[[nodiscard]] bool is_sound(const History& history);
// The newest kHistoryLimit openings.
[[nodiscard]] History newest(const History& history);
// The history of a log that ends at `position`: without the epochs opened later. nullopt: this is
// not a history of that position (its epoch is not in it, or begins behind it).
[[nodiscard]] std::optional<History> up_to(const History& history, const Position& position);

constexpr Seq kNoForkSeq = std::numeric_limits<Seq>::max();

struct HistoryRelation {
  // Both end in an epoch of the same number that two nodes opened, each without the other: nothing
  // tells who is to follow. A higher epoch on either side decides it; then this is false, and the
  // side with the lower last epoch goes back to `common`.
  bool forked = false;
  // The lowest epoch that both know, opened differently; 0: none. With forked == false such a fork
  // is decided.
  Epoch forked_epoch = 0;
  // The last record that both logs can share, given where each history goes on. kNoForkSeq: the
  // histories are the same, and the logs differ in length at most. 0: the state before the first
  // record, as when a database that was never written has been promoted; or nothing.
  Seq common = 0;
  // An opening is in both. Not: `common` means nothing, and no state of one is known to the other.
  bool is_related = false;
  bool operator==(const HistoryRelation&) const = default;
};

// Either history may be cut to the newest openings, or be empty.
[[nodiscard]] HistoryRelation compare(const History& ours, const History& theirs);

}  // namespace understudy
