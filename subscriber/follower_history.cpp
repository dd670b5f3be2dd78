// Follower: epochs. Whom to follow, what a fork is, and how a log that goes beyond what is shared
// finds back. docs/decisions/0011-takeover.md.
#include "common/record/record.h"
#include "subscriber/follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy {

using follow::Severity;

// Never by the server's word alone: what follows from its history and ours is decided here, too.
Verdict Follower::check_histories(const message::Welcome& welcome) const {
  const auto verdict = welcome.verdict;
  if (!has_log_ || verdict == Verdict::not_ready || verdict == Verdict::forked) return verdict;
  const auto relation = compare(history_, welcome.history);
  if (relation.forked) return Verdict::forked;
  if (welcome.last.epoch < chain_.last.epoch) return Verdict::stale_server;
  const bool waits = verdict == Verdict::ahead || verdict == Verdict::stale_server;
  if (waits) return verdict;
  if (!relation.is_related || chain_.last.seq > relation.common) return Verdict::diverged;
  return verdict == Verdict::no_log ? Verdict::too_old : verdict;
}

std::string Follower::describe_fork(const message::Welcome& welcome) const {
  const auto opened_by = [](const History& history) {
    return history.empty() ? std::string("?") : history.back().node;
  };
  return fmt::format(
      "epoch {} was opened twice: by {} (as {} at {} has it) and by {} (as we have it). Neither "
      "side takes the other's records. Decide which side is to stay, and run `understudy promote "
      "--force` on a node of it; the other side then follows, and what it alone has is kept as "
      "orphans",
      chain_.last.epoch, opened_by(welcome.history), welcome.node, endpoint_text(),
      opened_by(history_));
}

// nullopt: its first record does not open the epoch that it is of.
std::optional<EpochStart> Follower::opening_of(const BatchView& batch) const {
  Bytes raw;
  RecordPart part;
  if (!batch.unpack(raw)) return std::nullopt;
  ByteView rest(raw);
  if (!decode_part(rest, part) || !part.opening) return std::nullopt;
  const auto& header = part.header;
  const bool fits = header.seq == batch.header.first.seq && header.part == 0 &&
                    header.epoch == batch.header.epoch &&
                    header.sum_before == batch.header.sum_before;
  if (!fits) return std::nullopt;
  return epoch_start(part);
}

// --- back to what is shared ---

// False: the log does not hold what is shared, or nothing would be taken back: it is put aside as a
// whole. Each rewind makes the log shorter, so this ends.
bool Follower::begin_rewind(const message::Welcome& welcome) {
  const auto relation = compare(history_, welcome.history);
  const Seq keep_until = std::min(relation.common, welcome.last.seq);
  if (!has_log_ || !relation.is_related) return false;
  if (keep_until < base_.seq || keep_until >= chain_.last.seq) return false;
  auto reason = fmt::format("{} shares our records only up to {}", welcome.node, keep_until);
  report(Severity::warning, fmt::format("our log ends at {}, but {}: the rest is kept as orphans",
                                        chain_.last.to_string(), reason));
  greet();           // anew: a second copy of this welcome must not count for the log to come
  resync_.reset();   // of another server, or of what is taken back; what is staged is used again
  applied_.reset();  // until the replica has told
  held_.clear();
  held_bytes_ = 0;
  rewind_ = Rewind{.ticket = next_ticket_++, .applied = {}};
  reset_ticket_ = rewind_->ticket;
  actions_.emplace_back(follow::RewindLog{rewind_->ticket, keep_until, std::move(reason)});
  return true;
}

void Follower::note_rewound(const LogBounds& bounds) {
  rewind_->log_done = true;
  chain_ = {bounds.last, {bounds.last.seq + 1, 0}, bounds.last.epoch};
  if (auto history = up_to(history_, bounds.last)) history_ = std::move(*history);
}

void Follower::on_replica_rewound(const std::optional<Position>& applied) {
  if (!rewind_) return;
  rewind_->replica_done = true;
  rewind_->applied = applied;
  finish_rewind();
}

void Follower::finish_rewind() {
  if (!rewind_ || !rewind_->log_done || !rewind_->replica_done) return;
  const auto applied = rewind_->applied;
  rewind_.reset();
  const bool fits = applied && applied->seq >= base_.seq && applied->seq <= durable_.seq;
  if (fits) applied_ = applied;
  connected_at_ = hello_at_ = now_;  // the server has not been asked since
  check_hello();
}

// --- whom to follow ---

void Follower::tell_once(std::string_view key, Severity severity, std::string text) {
  if (std::exchange(told_[endpoint_], key) != key) report(severity, std::move(text));
}

// Not this one: the next, at once; when it was each one's turn, after a pause. Somebody who was
// given one endpoint, or several in order of preference, waits for it as long as for an answer.
void Follower::pass_over() {
  if (!prefer_primary_ || endpoints_.size() < 2) return;
  const bool round_ends = ++passed_over_ % endpoints_.size() == 0;
  next_endpoint_at_ = now_ + (round_ends ? kRoundPause_us : 0);
}

// A standby is followed only when none of the endpoints is a primary.
bool Follower::is_passed_over(const message::Welcome& welcome) {
  if (!prefer_primary_ || welcome.is_primary || passed_over_ >= endpoints_.size()) return false;
  pass_over();
  return next_endpoint_at_.has_value();
}

void Follower::look_for_primary() {
  const bool due = link_ == Link::welcomed && look_again_at_ != 0 && now_ >= look_again_at_;
  if (!due) return;
  if (resync_) {
    look_again_at_ = now_ + kLookAgain_us;
    return;
  }
  connect_next("looking for a primary");
}

}  // namespace understudy
