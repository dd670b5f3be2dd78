#include "subscriber/follower.h"

#include "common/core/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace understudy {

using follow::Severity;

Follower::Follower(FollowerStart start)
    : node_(std::move(start.node)),
      endpoints_(std::move(start.endpoints)),
      limits_(start.limits),
      prefer_primary_(start.prefer_primary),
      stream_(start.stream),
      told_(endpoints_.size()) {
  US_ASSERT(!endpoints_.empty(), "the command line asks for at least one endpoint");
  if (!start.log) return;
  has_log_ = true;
  history_ = std::move(start.history);
  base_ = start.log->base;
  durable_ = start.log->last;
  chain_ = {durable_, {durable_.seq + 1, 0}, durable_.epoch};
  // A replica that the log cannot carry on (or that shows what the log does not know) is lost.
  if (start.applied && start.applied->seq >= base_.seq && start.applied->seq <= durable_.seq) {
    applied_ = start.applied;
  }
}

void Follower::tick(std::int64_t now_us) {
  now_ = std::max(now_, now_us);
  if (link_ == Link::stopped) return;
  if (link_ == Link::closed) connect(0);
  if (next_endpoint_at_ && now_ >= *next_endpoint_at_) connect_next("not one to follow");
  look_for_primary();
  check_hello();
  check_liveness();
  fetch_if_behind();
  advance_resync();
  update_state();
  acknowledge();
}

// --- the connection ---

void Follower::connect(std::size_t endpoint) {
  endpoint_ = endpoint;
  next_endpoint_at_.reset();
  look_again_at_ = 0;
  connected_at_ = live_heard_at_ = subscribed_at_ = now_;
  if (direct_heard_at_ == 0) direct_heard_at_ = now_;
  held_.clear();
  held_bytes_ = 0;
  actions_.emplace_back(
      follow::Connect{endpoint_, stream_.is_nil() ? std::nullopt : std::optional(stream_)});
  hello_delay_ = kHelloRetry_us;
  hello_at_ = now_;
  greet();
}

void Follower::connect_next(std::string_view why) {
  report(Severity::detail, fmt::format("{}: {}; connecting anew", endpoint_text(), why));
  connect((endpoint_ + 1) % endpoints_.size());
}

void Follower::prefer(std::size_t endpoint) {
  US_ASSERT(endpoint < endpoints_.size(), "an endpoint of the list");
  if (link_ == Link::stopped) return;
  passed_over_ = 0;
  const bool is_there = link_ != Link::closed && endpoint_ == endpoint && !next_endpoint_at_;
  if (!is_there) connect(endpoint);
}

void Follower::greet() {
  // Until the answer is there the log must not move: the verdict is about where it ends now.
  link_ = Link::greeting;
  log_connects_ = false;
  fetch_.reset();
  ++hello_id_;
}

void Follower::check_hello() {
  if (link_ != Link::greeting || now_ < hello_at_ || rewind_) return;
  message::Hello hello{hello_id_, node_, stream_, std::nullopt, {}};
  if (has_log_) {
    hello.position = chain_.last;
    hello.history = newest(history_);
  }
  send(std::move(hello));
  hello_at_ = now_ + hello_delay_;
  hello_delay_ = std::min(2 * hello_delay_, kHelloRetryMax_us);
}

void Follower::check_liveness() {
  if (rewind_) return;  // it is we who are silent
  report_silence();
  const auto silence = now_ - std::max(direct_heard_at_, connected_at_);
  if (link_ == Link::greeting) {
    // A server that answers "not yet" is worth waiting for, unless there are others to ask.
    const bool others = endpoints_.size() > 1;
    const auto limit = prefer_primary_ && others ? kPeerConnectLimit_us : kConnectLimit_us;
    if (silence < limit && (!others || now_ - connected_at_ < limit)) return;
    ++passed_over_;
    return connect_next("no welcome");
  }
  if (silence >= kSilenceLimit_us) return connect_next("no answer to requests");
  if (silence >= kPingAfter_us && now_ - pinged_at_ >= kPingAfter_us) {
    pinged_at_ = now_;
    send(message::Ping{});
  }
  check_live_stream();
  // A fetch that stands still although we gave credit: the request or its answer was lost.
  if (fetch_ && fetch_->granted > 0 && now_ - fetch_->progress_at >= kFetchLimit_us) greet();
}

void Follower::check_live_stream() {
  const auto silence = now_ - live_heard_at_;
  if (silence >= 5 * kLiveSilence_us) return connect_next("no heartbeat");
  if (silence >= kLiveSilence_us && now_ - subscribed_at_ >= kLiveSilence_us) {
    subscribed_at_ = now_;
    actions_.emplace_back(follow::Resubscribe{});
  }
}

void Follower::report_silence() {
  const auto silence = now_ - direct_heard_at_;
  if (silence < silence_report_after_) {
    if (silence < kConnectLimit_us) silence_report_after_ = kConnectLimit_us;
    return;
  }
  silence_reported_ = true;
  report(Severity::warning, fmt::format("no answer from {} for {} s; trying on", endpoint_text(),
                                        silence / 1'000'000));
  constexpr std::int64_t kLongest_us = 60'000'000;
  silence_report_after_ = silence + std::min(silence, kLongest_us);
}

void Follower::stop(std::string reason) {
  link_ = Link::stopped;
  log_connects_ = false;
  set_state(StandbyState::stopped);
  report(Severity::error, reason);
  actions_.emplace_back(follow::Stop{std::move(reason)});
}

// --- what the other threads say ---

void Follower::on_log(std::uint64_t ticket, const LogBounds& bounds) {
  while (!handed_.empty() && handed_.front().ticket <= ticket) {
    handed_bytes_ -= handed_.front().bytes;
    handed_.pop_front();
  }
  carried_out_ = std::max(carried_out_, ticket);
  if (ticket < reset_ticket_) return;  // how the log stood before it was reset or rewound
  if (rewind_ && ticket >= rewind_->ticket) note_rewound(bounds);
  base_ = bounds.base;
  if (!(durable_ == bounds.last)) ack_due_ = true;
  durable_ = bounds.last;
  finish_rewind();
  grant_credit();
  fetch_if_behind();
  advance_resync();
  acknowledge();
}

void Follower::on_applied(const Position& position) {
  if (resync_ && resync_->phase >= Resync::Phase::staging) return;  // from before it was stopped
  if (!applied_ || rewind_) return;  // lost meanwhile; not known to be shared
  applied_ = position;
  ack_due_ = true;
  advance_resync();
  update_state();
  acknowledge();
}

void Follower::on_replica_lost(std::string reason) {
  if (link_ == Link::stopped) return;
  if (resync_ && resync_->phase >= Resync::Phase::staging) return;  // being replaced already
  applied_.reset();
  report(Severity::warning, fmt::format("the replica cannot go on: {}", reason));
  if (resync_) {
    advance_resync();
  } else if (log_connects_) {
    start_resync(ResyncLog::keep, std::move(reason));
  }  // else: decided when the server has answered our Hello
}

// --- acknowledging ---

void Follower::acknowledge() {
  if (link_ != Link::welcomed) return;
  // Nothing is claimed of a history that is not known to be the server's.
  const bool known = applied_ && (!resync_ || resync_->log == ResyncLog::keep);
  const Seq applied = known ? applied_->seq : 0;
  // Records without the state that they start from are of no use to anybody who relies on them.
  const bool whole = applied_ && !resync_;
  const Seq durable = whole ? durable_.seq : applied;
  const auto since = now_ - acked_at_;
  const bool news = ack_due_ && durable > acked_durable_;
  if (!news && (since < kAckInterval_us || (!ack_due_ && since < kIdleAck_us))) return;
  ack_due_ = false;
  acked_at_ = now_;
  acked_durable_ = durable;
  send(message::Ack{whole ? chain_.last.seq : applied, durable, applied, state_});
}

void Follower::update_state() {
  if (link_ == Link::stopped) return;
  if (link_ != Link::welcomed) return set_state(StandbyState::connecting);
  if (resync_ || needs_resync()) return set_state(StandbyState::resyncing);
  constexpr std::int64_t kShort_us = 1'000'000;
  const bool behind = fetch_ || !log_connects_;
  if (state_ == StandbyState::streaming) {
    // One fetched batch among live ones is business as usual; a fetch that lasts is not.
    const bool lasting = fetch_ && now_ - fetch_->started_at > kShort_us;
    if (!lasting && log_connects_) return;
  }
  const bool there = !behind && chain_.last.seq >= catch_up_target_ &&
                     applied_->seq >= catch_up_target_ && chain_.next >= server_next_;
  set_state(there ? StandbyState::streaming : StandbyState::catching_up);
}

void Follower::set_state(StandbyState state) {
  if (state == state_) return;
  report(Severity::notice, fmt::format("{} -> {}", to_string(state_), to_string(state)));
  state_ = state;
  ack_due_ = true;
}

// --- small things ---

std::int64_t Follower::next_deadline_us() const {
  if (link_ == Link::stopped) return std::numeric_limits<std::int64_t>::max();
  if (link_ == Link::closed) return now_;
  if (next_endpoint_at_) return *next_endpoint_at_;
  if (rewind_) return now_ + kPingAfter_us;  // its end is an event
  if (link_ == Link::greeting) {
    return std::min(hello_at_, std::max(direct_heard_at_, connected_at_) + kConnectLimit_us);
  }
  auto at = std::max(direct_heard_at_, pinged_at_) + kPingAfter_us;
  at = std::min(at, std::max(live_heard_at_, subscribed_at_) + kLiveSilence_us);
  at = std::min(at, acked_at_ + (ack_due_ ? kAckInterval_us : kIdleAck_us));
  if (fetch_) at = std::min(at, fetch_->progress_at + kFetchLimit_us);
  if (!fetch_ && log_connects_ && server_next_ > chain_.next && fetch_after_ > now_) {
    at = std::min(at, fetch_after_);
  }
  if (resync_) at = std::min(at, resync_->next_deadline_us());
  if (look_again_at_ > now_) at = std::min(at, look_again_at_);
  // Something that is due and cannot be done yet (a full window, say) must not spin.
  return std::max(at, now_ + kAckInterval_us);
}

Seq Follower::keep_after() const {
  const Seq applied = applied_ ? applied_->seq : chain_.last.seq;
  if (!resync_) return applied;
  const bool staging = resync_->phase >= Resync::Phase::staging;
  return staging ? resync_->outline.position.seq : applied;
}

std::vector<follow::Action> Follower::take_actions() {
  return std::exchange(actions_, {});
}

void Follower::send(Message message) {
  actions_.emplace_back(follow::SendMessage{std::move(message)});
}

void Follower::report(Severity severity, std::string text) {
  actions_.emplace_back(follow::Report{severity, std::move(text)});
}

const std::string& Follower::endpoint_text() const {
  return endpoints_[endpoint_];
}

}  // namespace understudy
