// Follower: what the server says, and what follows from it.
#include "subscriber/follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy {

using follow::Severity;

void Follower::on_message(Message message) {
  if (link_ == Link::stopped) return;
  direct_heard_at_ = now_;
  std::visit([this](auto& m) { handle(m); }, message);
  update_state();
  acknowledge();
}

void Follower::on_live(Message message) {
  if (link_ == Link::stopped) return;
  live_heard_at_ = now_;
  std::visit([this](auto& m) { handle(m); }, message);
  update_state();
  acknowledge();
}

// --- greeting ---

void Follower::handle(message::Welcome& welcome) {
  if (link_ != Link::greeting || welcome.hello_id != hello_id_) return;  // to an earlier Hello
  if (!can_follow(welcome)) return;
  if (welcome.verdict == Verdict::diverged && begin_rewind(welcome)) return;
  accept(welcome);
  switch (welcome.verdict) {
    case Verdict::connects:
      return on_log_connects(welcome);
    case Verdict::no_log:
      return start_resync(ResyncLog::reset, "new standby");
    case Verdict::too_old:
      return start_resync(ResyncLog::reset,
                          fmt::format("seq {} is behind what {} keeps (from {})", chain_.last.seq,
                                      server_name_, welcome.base.seq + 1));
    case Verdict::diverged:
      return start_resync(
          ResyncLog::reset_keep_orphans,
          fmt::format("{} is not in the history of {}", chain_.last.to_string(), server_name_));
    default:
      return;
  }
}

// Whether this server is one to follow, now. What is not leaves everything as it is. The verdict
// becomes ours where we know better.
bool Follower::can_follow(message::Welcome& welcome) {
  auto& verdict = welcome.verdict;
  const bool foreign = !stream_.is_nil() && welcome.stream != stream_;
  if (verdict == Verdict::other_stream || (foreign && verdict != Verdict::not_ready)) {
    refuse_foreign(welcome);
    return false;
  }
  if (prefer_primary_ && welcome.node == node_) {
    pass_over();
    return false;
  }
  verdict = check_histories(welcome);
  const bool wait = verdict == Verdict::not_ready || verdict == Verdict::ahead ||
                    verdict == Verdict::stale_server || verdict == Verdict::forked;
  if (verdict == Verdict::forked) {
    tell_once(to_string(verdict), Severity::error, describe_fork(welcome));
  } else if (wait) {
    tell_once(to_string(verdict), Severity::warning,
              fmt::format("{} ({}) at {} cannot be followed from {}: {}; asking again",
                          endpoint_text(), welcome.node, welcome.last.to_string(),
                          chain_.last.to_string(), to_string(verdict)));
  }
  if (wait) pass_over();
  return !wait && !is_passed_over(welcome);
}

void Follower::refuse_foreign(const message::Welcome& welcome) {
  auto text = fmt::format(
      "{} ({}) publishes stream {}, but this standby is of stream {}: another "
      "database. Nothing was changed. Point it at the right server, or give it a "
      "new file and state directory",
      endpoint_text(), welcome.node, welcome.stream.to_string(), stream_.to_string());
  if (!prefer_primary_ || endpoints_.size() == 1) return stop(std::move(text));
  tell_once(to_string(Verdict::other_stream), Severity::error, std::move(text));
  pass_over();
}

void Follower::accept(const message::Welcome& welcome) {
  link_ = Link::welcomed;
  hello_delay_ = kHelloRetry_us;
  stream_ = welcome.stream;
  server_name_ = welcome.node;
  server_instance_ = welcome.instance;
  server_history_ = welcome.history;
  server_last_.reset();
  note_server(welcome.last, welcome.next);
  // Of its own epoch the primary knows best, even when it had more.
  if (welcome.is_primary && known_last_->epoch == welcome.last.epoch) known_last_ = welcome.last;
  server_next_ = welcome.next;
  fetch_after_ = 0;
  ack_due_ = true;
  acked_durable_ = 0;
  passed_over_ = 0;
  told_[endpoint_] = {};
  if (prefer_primary_ && !welcome.is_primary) look_again_at_ = now_ + kLookAgain_us;
  if (std::exchange(silence_reported_, false)) {
    report(Severity::notice, fmt::format("{} answers again", endpoint_text()));
  }
  report(Severity::detail, fmt::format("welcomed by {} at {}: {}", server_name_,
                                       welcome.last.to_string(), to_string(welcome.verdict)));
}

void Follower::on_log_connects(const message::Welcome& welcome) {
  if (tail_instance_ != server_instance_) drop_open_tail();
  log_connects_ = true;
  catch_up_target_ = welcome.last.seq;
  const bool staged = resync_ && resync_->phase >= Resync::Phase::staging;
  if (resync_ && !staged) resync_.reset();  // asked for by another server; nothing was begun
  if (staged && resync_->max_as_of > welcome.last.seq) {
    // It may never get there: what it had beyond is lost, or was another server's. What is staged
    // is not sent again, only compared.
    start_resync(ResyncLog::keep, fmt::format("pages were read at {}, but {} is at {}",
                                              resync_->max_as_of, server_name_, welcome.last.seq));
  } else if (staged) {
    resume_groups();
  } else if (needs_resync()) {
    start_resync(ResyncLog::keep, "there is no usable replica");
  }
  fetch_if_behind();
}

void Follower::handle(message::Refused& refused) {
  switch (refused.code) {
    case RefusalCode::other_protocol:
      return refuse_protocol(fmt::format("{}: {}", endpoint_text(), refused.text));
    case RefusalCode::hello_first:
    case RefusalCode::trimmed:
      if (link_ == Link::welcomed) greet();
      return;
    case RefusalCode::not_allowed:
      tell_once("not_allowed", Severity::error,
                fmt::format("{} refuses: {}", endpoint_text(), refused.text));
      if (link_ == Link::welcomed) greet();
      if (!next_endpoint_at_) pass_over();
      return;
    case RefusalCode::full:
    case RefusalCode::bad_request:
      report(Severity::warning, fmt::format("{} refuses: {}", endpoint_text(), refused.text));
      if (link_ == Link::welcomed) greet();
      return;
  }
}

void Follower::handle(message::OtherVersion& other) {
  refuse_protocol(
      fmt::format("{} speaks protocol version {}, this node {}: upgrade the older of the two",
                  endpoint_text(), other.version, kProtocolVersion));
}

// While a cluster is upgraded node by node, others may be ones to follow.
void Follower::refuse_protocol(std::string text) {
  if (!prefer_primary_ || endpoints_.size() == 1) return stop(std::move(text));
  tell_once("protocol", Severity::error, std::move(text));
  if (link_ == Link::greeting && !next_endpoint_at_) pass_over();
}

void Follower::handle(message::Pong& pong) {
  if (link_ == Link::welcomed && server_last_ && pong.last.seq > server_last_->seq) {
    note_server(pong.last, {pong.last.seq + 1, 0});
    fetch_if_behind();
  }
}

// --- records ---

void Follower::handle(message::Batches& batches) {
  if (!fetch_ || fetch_->id != batches.fetch_id) return;  // of a fetch that was given up
  fetch_->granted -= std::min(fetch_->granted, batches.cost());
  fetch_->progress_at = now_;
  fetch_->brought = true;
  for (auto& blob : batches.blobs) {
    const auto taken = take_batch(std::move(blob), Source::fetch);
    // Holes do not come over one connection, and what does not chain on means that the histories
    // differ: the answer to a Hello says which way.
    if (taken == Taken::hole || taken == Taken::refused) return greet();
  }
  take_held();
  grant_credit();
}

void Follower::handle(message::FetchEnd& end) {
  if (!fetch_ || fetch_->id != end.fetch_id) return;
  const bool brought = fetch_->brought;
  fetch_.reset();
  take_held();
  // The server has nothing now, although it was said to: ask again, but not in a circle.
  constexpr std::int64_t kPause_us = 20'000;
  if (!brought) fetch_after_ = now_ + kPause_us;
  fetch_if_behind();
}

void Follower::handle(message::LiveBatch& live) {
  const auto batch = BatchView::parse(live.blob);
  if (!batch || batch->header.stream != stream_ || link_ != Link::welcomed) return;
  const auto header = batch->header;
  const Seq whole = header.closed ? header.last.seq : header.last.seq - 1;
  note_server({header.epoch, whole, header.sum_after}, header.next());
  if (!log_connects_) return;
  const auto taken = take_batch(std::move(live.blob), Source::live);
  if (taken == Taken::refused) return greet();
  if (taken == Taken::appended) take_held();
  fetch_if_behind();
}

void Follower::handle(message::Heartbeat& heartbeat) {
  if (heartbeat.stream != stream_ || link_ != Link::welcomed) return;
  const bool other_run = heartbeat.instance != server_instance_;
  if (other_run || (has_log_ && heartbeat.last.epoch < chain_.last.epoch)) return greet();
  note_server(heartbeat.last, heartbeat.next);
  fetch_if_behind();
}

template <typename M>
void Follower::handle(M&) {
  report(Severity::detail, fmt::format("{} says what is not for a standby", endpoint_text()));
}

template void Follower::handle(message::Hello&);
template void Follower::handle(message::Fetch&);
template void Follower::handle(message::Credit&);
template void Follower::handle(message::Ack&);
template void Follower::handle(message::OutlineRequest&);
template void Follower::handle(message::PagesRequest&);
template void Follower::handle(message::Ping&);
template void Follower::handle(message::Probe&);
template void Follower::handle(message::Command&);
template void Follower::handle(message::ProbeReply&);
template void Follower::handle(message::CommandReply&);

}  // namespace understudy
