#include "common/record/history.h"

#include "common/core/clock.h"
#include "common/core/hash.h"
#include "common/core/random_number.h"

#include <algorithm>

namespace understudy {
namespace {

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

using Opening = History::const_iterator;

// The opening of `epoch`, or the end.
Opening find(const History& history, Epoch epoch) {
  const auto found = std::ranges::lower_bound(history, epoch, {}, &EpochStart::epoch);
  return found != history.end() && found->epoch == epoch ? found : history.end();
}

}  // namespace

bool is_sound(const EpochOpening& opening) {
  return opening.tenure != 0 && opening.node.size() <= kNodeNameLimit &&
         opening.reason.size() <= kOpeningReasonLimit && is_printable(opening.node) &&
         is_printable(opening.reason);
}

EpochStart begin_first_epoch(std::string node, StateSum sum) {
  return {.epoch = 1,
          .node = std::move(node),
          .tenure = random_number(),
          .first_seq = 1,
          .sum = sum,
          .time_us = unix_time_us(),
          .reason = "created"};
}

// The sum of seq 0 is unknown where the log no longer begins there, so none is named.
EpochStart unrecorded_first_epoch(const StreamId& stream) {
  const auto hash = xxh3(std::as_bytes(std::span(stream.bytes)));
  return {.epoch = 1,
          .node = {},
          .tenure = hash == 0 ? 1 : hash,
          .first_seq = 1,
          .sum = 0,
          .time_us = 0,
          .reason = "created before epochs were put on record"};
}

bool is_sound(const History& history) {
  Epoch epoch = 0;
  Seq seq = 0;
  for (const auto& start : history) {
    const bool is_behind = start.first_seq > seq || (epoch == 1 && start.first_seq == seq);
    if (start.epoch <= epoch || !is_behind) return false;
    if (!is_sound(EpochOpening{start.node, start.tenure, start.reason})) return false;
    epoch = start.epoch;
    seq = start.first_seq;
  }
  return !history.empty();
}

History newest(const History& history) {
  const auto count = std::min(history.size(), kHistoryLimit);
  return {history.end() - static_cast<std::ptrdiff_t>(count), history.end()};
}

std::optional<History> up_to(const History& history, const Position& position) {
  const auto last = find(history, position.epoch);
  if (last == history.end() || last->first_seq > position.seq + 1) return std::nullopt;
  // The first epoch of a stream holds without any record of it, others from their record on.
  const bool has_begun = last->epoch == 1 || last->first_seq <= position.seq;
  if (!has_begun) return std::nullopt;
  return History(history.begin(), last + 1);
}

HistoryRelation compare(const History& ours, const History& theirs) {
  HistoryRelation relation;
  if (ours.empty() || theirs.empty()) return relation;
  // Tenures are random: who has an opening has everything before it from the same origin, so the
  // newest one that is in both settles all before.
  auto our_next = ours.begin();
  auto their_next = theirs.begin();
  for (auto our = ours.begin(); our != ours.end(); ++our) {
    const auto their = find(theirs, our->epoch);
    if (their == theirs.end()) continue;
    if (our->is_same(*their)) {
      relation.is_related = true;
      our_next = our + 1;
      their_next = their + 1;
    } else if (relation.forked_epoch == 0) {
      relation.forked_epoch = our->epoch;
    }
  }
  if (relation.is_related) {
    relation.common = kNoForkSeq;
    if (our_next != ours.end()) relation.common = our_next->first_seq - 1;
    if (their_next != theirs.end()) {
      relation.common = std::min(relation.common, their_next->first_seq - 1);
    }
  }
  relation.forked = ours.back().epoch == theirs.back().epoch && !ours.back().is_same(theirs.back());
  return relation;
}

}  // namespace understudy
