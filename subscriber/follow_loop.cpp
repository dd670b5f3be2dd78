#include "subscriber/follow_loop.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/core/heartbeat.h"
#include "common/logging/log.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

constexpr std::int64_t kLongestWait_us = 1'000'000;
constexpr int kMessagesPerRound = 64;

}  // namespace

FollowLoop::FollowLoop(FollowerStart start, std::vector<Endpoint> endpoints, Intake& intake,
                       Applier& applier, std::function<void(const StreamId&)> claim,
                       const std::string& page_path, std::shared_ptr<Security> security,
                       std::shared_ptr<Meters> meters)
    : follower_(std::move(start)),
      endpoints_(std::move(endpoints)),
      intake_(intake),
      applier_(applier),
      claim_(std::move(claim)),
      network_(std::move(security)),
      page_(page_path),
      meters_(std::move(meters)) {
  publish_status();
}

void FollowLoop::run() {
  const heartbeat::Loop loop("follow");
  while (!stopping_) {
    heartbeat::turn();
    follower_.tick(monotonic_time_us());
    take_posts();
    if (sockets_) take_messages();
    publish_status();  // before anybody else can be told
    carry_out(follower_.take_actions());
    if (appended_) acknowledge_appended();
    wait();
  }
}

void FollowLoop::stop() {
  stopping_ = true;
  wake_.wake();
}

void FollowLoop::post(std::function<void(Follower&)> event) {
  {
    const std::lock_guard lock(mutex_);
    posts_.push_back(std::move(event));
  }
  wake_.wake();
}

void FollowLoop::take_posts() {
  std::vector<std::function<void(Follower&)>> posts;
  {
    const std::lock_guard lock(mutex_);
    posts.swap(posts_);
  }
  for (const auto& event : posts) event(follower_);
}

// What is not a message is dropped: the bytes come from the network.
void FollowLoop::take_messages() {
  for (int i = 0; i < kMessagesPerRound; ++i) {
    auto live = sockets_->receive_live();
    auto direct = sockets_->receive();
    if (!live && !direct) return;
    last_contact_us_ = monotonic_time_us();
    trouble_.clear();
    if (live) {
      if (auto message = decode_message(*live)) follower_.on_live(std::move(*message));
    }
    if (direct) {
      if (auto message = decode_message(*direct)) follower_.on_message(std::move(*message));
    }
  }
}

void FollowLoop::carry_out(std::vector<follow::Action> actions) {
  for (auto& action : actions) {
    if (!std::holds_alternative<follow::Append>(action)) append_run();
    std::visit([this](auto& item) { carry_out(item); }, action);
  }
  append_run();
}

void FollowLoop::append_run() {
  if (run_.empty()) return;
  if (const auto appended = intake_.append_now(run_)) {
    appended_ = appended;
  } else {
    for (auto& item : run_) intake_.push(std::move(item));
  }
  run_.clear();
}

// The acknowledgement leaves first: a commit waits for it. What the log thread has reported is from
// before this append, for it has not had the turn since: told afterwards, it would take it back.
void FollowLoop::acknowledge_appended() {
  take_posts();
  const auto [ticket, bounds] = *std::exchange(appended_, std::nullopt);
  follower_.on_log(ticket, bounds);
  publish_status();
  carry_out(follower_.take_actions());
  intake_.report_appended();
}

void FollowLoop::carry_out(follow::Connect& connect) {
  ++meters_->reconnects;
  sockets_.reset();
  sockets_.emplace(network_, endpoints_.at(connect.endpoint), connect.topic);
}

void FollowLoop::carry_out(follow::Resubscribe&) {
  if (sockets_) sockets_->resubscribe();
}

// What cannot be sent is lost like on any network; the Follower asks again.
void FollowLoop::carry_out(follow::SendMessage& send) {
  if (sockets_) (void)sockets_->send(encode_message(send.message));
}

void FollowLoop::carry_out(follow::Append& append) {
  run_.push_back(std::move(append));
}

void FollowLoop::carry_out(follow::DropOpenTail& drop) {
  intake_.push(drop);
}

void FollowLoop::carry_out(follow::RewindLog& rewind) {
  intake_.push(std::move(rewind));
}

void FollowLoop::carry_out(follow::ResetLog& reset) {
  claim_(reset.stream);
  intake_.push(reset);
}

void FollowLoop::carry_out(follow::BeginResync& begin) {
  claim_(begin.stream);
  applier_.push(begin);
}

void FollowLoop::carry_out(follow::HashGroup& group) {
  applier_.push(group);
}
void FollowLoop::carry_out(follow::StoreGroup& group) {
  applier_.push(std::move(group));
}
void FollowLoop::carry_out(follow::FinishResync& finish) {
  applier_.push(finish);
}

void FollowLoop::carry_out(follow::Report& report) {
  switch (report.severity) {
    case follow::Severity::detail:
      return log::debug("follow", report.text);
    case follow::Severity::notice:
      return log::info("follow", report.text);
    case follow::Severity::warning:
      return log::warning("follow", report.text);
    case follow::Severity::error:
      return log::error("follow", report.text);
  }
}

void FollowLoop::carry_out(follow::Stop& stop) {
  throw ConfigError(stop.reason);
}

void FollowLoop::wait() {
  const auto now = monotonic_time_us();
  const auto until = std::min(follower_.next_deadline_us(), now + kLongestWait_us);
  const auto wait_us = std::max<std::int64_t>(0, until - now);
  if (!sockets_) return;
  (void)sockets_->wait(static_cast<int>((wait_us + 999) / 1000), wake_);
  note_trouble();
}

void FollowLoop::note_trouble() {
  const auto trouble = sockets_->take_trouble();
  if (!trouble) return;
  trouble_ = fmt::format("{}: {}", trouble->endpoint, trouble->text);
  const auto times = repeated_.came(trouble_, monotonic_time_us());
  if (!times) return;
  log::warning("link_refused", trouble->text, {{"endpoint", trouble->endpoint}, {"times", *times}});
}

void FollowLoop::publish_status() {
  const auto now = monotonic_time_us();
  FollowStatus status;
  status.state = follower_.state();
  status.stream = follower_.stream();
  status.received = follower_.received().seq;
  status.durable = follower_.durable();
  status.applied = follower_.applied();
  status.server_last = follower_.server_last();
  status.known_last = follower_.known_last();
  status.server_name = follower_.server_name();
  status.endpoint = follower_.endpoint();
  status.trouble = trouble_;
  if (status.server_last) lag_.note(status.server_last->seq, now);
  status.lag_seconds = lag_.lag_seconds(status.applied ? status.applied->seq : 0, now);
  const bool is_cut_off = status.state == StandbyState::connecting && last_contact_us_ != 0;
  if (is_cut_off) {
    status.lag_seconds =
        std::max(status.lag_seconds, static_cast<double>(now - last_contact_us_) / 1e6);
  }
  page_.show(status.applied, now);
  const std::lock_guard lock(mutex_);
  const bool begins_to_catch_up = status.state == StandbyState::catching_up;
  if (begins_to_catch_up && status_.state != status.state) ++meters_->catch_ups;
  status_ = std::move(status);
}

FollowStatus FollowLoop::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace understudy
