// Follower: the chain of batches. What may be appended, what is missing, how much may come.
#include "common/record/batch_cut.h"
#include "common/record/record.h"
#include "subscriber/follower.h"

#include <fmt/format.h>

namespace understudy {

using follow::Severity;

bool Follower::connects(const BatchHeader& header) const {
  // In the middle of a record only its own epoch can go on; between records a higher one may begin.
  const bool epoch_fits =
      header.first.part > 0 ? header.epoch == chain_.epoch : header.epoch >= chain_.last.epoch;
  return header.first == chain_.next && header.sum_before == chain_.last.sum && epoch_fits &&
         header.last >= header.first;
}

Follower::Taken Follower::take_batch(Bytes blob, Source source) {
  const auto batch = BatchView::parse(blob);
  if (!batch || batch->header.stream != stream_ || !log_connects_) return Taken::refused;
  const auto header = batch->header;
  const bool live = source == Source::live;
  if (header.next() <= chain_.next) return Taken::duplicate;
  // What is in the middle of a record comes by fetch only: its Hello proved whose parts they are.
  if (live && (header.first.part > 0 || chain_.next.part > 0)) return Taken::hole;
  if (header.first > chain_.next) {
    if (live) hold(header, std::move(blob));
    return Taken::hole;
  }
  if (live && handed_bytes_ >= limits_.window)
    return Taken::hole;  // the local log is slow: fetch later
  if (header.first < chain_.next) {
    auto rest = cut_batch(*batch, chain_.next);
    if (!rest) return Taken::refused;
    return take_batch(std::move(*rest), source);
  }
  if (!connects(header)) {
    report(Severity::warning,
           fmt::format("a batch from {} (epoch {}, sum {}) does not go on from {}", server_name_,
                       header.epoch, hex(header.sum_before), chain_.last.to_string()));
    return Taken::refused;
  }
  std::optional<EpochStart> opening;
  if (header.first.part == 0 && header.epoch > chain_.last.epoch) {
    opening = opening_of(*batch);
    if (!opening) {
      report(Severity::warning, fmt::format("a batch from {} is of epoch {}, which nobody opened",
                                            server_name_, header.epoch));
      return Taken::refused;
    }
  }
  return append(header, std::move(blob), std::move(opening));
}

Follower::Taken Follower::append(const BatchHeader& header, Bytes blob,
                                 std::optional<EpochStart> opening) {
  if (opening) {
    report(Severity::notice, fmt::format("{} opened epoch {} with record {}", opening->node,
                                         opening->epoch, opening->first_seq));
    history_.push_back(std::move(*opening));
  }
  const Seq whole = header.closed ? header.last.seq : header.last.seq - 1;
  if (whole > chain_.last.seq) chain_.last = {header.epoch, whole, header.sum_after};
  chain_.next = header.next();
  chain_.epoch = header.epoch;
  tail_instance_ = server_instance_;
  note_server(chain_.last, chain_.next);
  handed_.push_back({next_ticket_, blob.size()});
  handed_bytes_ += blob.size();
  ack_due_ = true;
  actions_.emplace_back(follow::Append{next_ticket_++, std::move(blob)});
  return Taken::appended;
}

// Keeps one contiguous run of live batches, so that they need not be fetched once the hole before
// them is filled: else a fast primary would always be a little ahead of the last fetch.
void Follower::hold(const BatchHeader& header, Bytes blob) {
  if (!held_.empty() && header.next() <= held_.back().next) return;
  const bool follows = !held_.empty() && header.first == held_.back().next;
  if (!follows || held_bytes_ + blob.size() > limits_.held) {
    held_.clear();
    held_bytes_ = 0;
  }
  held_bytes_ += blob.size();
  held_.push_back({header.first, header.next(), std::move(blob)});
}

void Follower::take_held() {
  while (!held_.empty() && held_.front().first <= chain_.next && log_connects_) {
    auto batch = std::move(held_.front());
    held_.pop_front();
    held_bytes_ -= batch.blob.size();
    const auto taken = take_batch(std::move(batch.blob), Source::live);
    if (taken == Taken::refused) return greet();
    if (taken == Taken::hole) return;
  }
}

void Follower::note_server(const Position& last, PartKey next) {
  if (!server_last_ || last.seq > server_last_->seq) server_last_ = last;
  const bool is_later = !known_last_ || std::pair(last.epoch, last.seq) >
                                            std::pair(known_last_->epoch, known_last_->seq);
  if (is_later) known_last_ = last;
  if (next > server_next_) server_next_ = next;
}

std::uint64_t Follower::free_window() const {
  const auto used = handed_bytes_ + (fetch_ ? fetch_->granted : 0);
  return used >= limits_.window ? 0 : limits_.window - used;
}

void Follower::fetch_if_behind() {
  if (!log_connects_ || fetch_ || server_next_ <= chain_.next || now_ < fetch_after_) return;
  const auto credit = free_window();
  if (credit < limits_.window / 4) return;  // on_log() comes back here
  fetch_ = FetchState{next_fetch_id_++, credit, now_, now_, false};
  send(message::Fetch{fetch_->id, chain_.next, credit});
}

void Follower::grant_credit() {
  if (!fetch_) return;
  const auto more = free_window();
  if (more < limits_.window / 4) return;
  if (fetch_->granted == 0) fetch_->progress_at = now_;  // it stood still because of us
  fetch_->granted += more;
  send(message::Credit{fetch_->id, more});
}

void Follower::drop_open_tail() {
  if (chain_.next.part == 0) return;
  chain_.next = {chain_.last.seq + 1, 0};
  chain_.epoch = chain_.last.epoch;
  actions_.emplace_back(follow::DropOpenTail{next_ticket_++});
}

void Follower::reset_log(const Position& base, History history, bool keep_orphans) {
  has_log_ = true;
  history_ = std::move(history);
  base_ = durable_ = base;
  chain_ = {base, {base.seq + 1, 0}, base.epoch};
  held_.clear();
  held_bytes_ = 0;
  fetch_.reset();
  reset_ticket_ = next_ticket_++;
  log_connects_ = true;  // base is a position in this server's log
  actions_.emplace_back(follow::ResetLog{reset_ticket_, stream_, base, history_, keep_orphans});
}

}  // namespace understudy
