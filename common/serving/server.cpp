#include "common/serving/server.h"

#include "common/core/clock.h"
#include "common/core/heartbeat.h"
#include "common/core/random_number.h"
#include "common/core/thread_subject.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace understudy {
namespace {

constexpr int kRequestsAtOnce = 256;
constexpr std::int64_t kTick_us = 250'000;
constexpr std::int64_t kStatusInterval_us = 1'000;
constexpr std::int64_t kRetryInterval_us = 2'000;  // of what a connection did not take

}  // namespace

Server::Server(ServerOptions options, std::unique_ptr<LogReader> reader, PageSource* pages)
    : options_(std::move(options)),
      reader_(std::move(reader)),
      pages_(pages),
      listener_(options_.listener ? std::move(options_.listener)
                                  : std::make_unique<Listener>(options_.listen, SocketOptions{},
                                                               options_.security)),
      sockets_(listener_->sockets),
      endpoint_(sockets_.endpoint()),
      security_(listener_->network.security()),
      mailbox_(std::make_shared<Mailbox>()),
      log_{options_.node, options_.stream, options_.is_primary, random_number(), std::nullopt},
      peers_(log_, *reader_),
      outboxes_(sockets_),
      live_(sockets_, log_.stream),
      withdrawals_(security_->withdrawals()),
      thread_(start_thread([this] { run_guarded(); })) {}

Server::~Server() {
  stop();
}

void Server::stop() {
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->stopping = true;
  }
  mailbox_->wake.wake();
  if (thread_.joinable()) thread_.join();
}

// --- any thread ---

void Server::advance(const LogBounds& bounds, std::span<const BatchView> appended) {
  if (live_.advance(bounds, appended, monotonic_time_us())) mailbox_->wake.wake();
}

std::vector<PeerStatus> Server::statuses() const {
  const std::lock_guard lock(mailbox_->mutex);
  return mailbox_->statuses;
}

// --- the serve thread ---

void Server::run_guarded() {
  pthread_setname_np(pthread_self(), "serve");
  try {
    run();
    const auto rest_us = replied_at_us_ + kLastAnswer_us - monotonic_time_us();
    if (rest_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(rest_us));
  } catch (const std::exception&) {
    if (!options_.failed) throw;
    options_.failed(std::current_exception());
  }
  live_.close();
  listener_.reset();
}

void Server::run() {
  const heartbeat::Loop loop("serve");
  bool busy = false;
  while (true) {
    heartbeat::turn();
    const auto ready = sockets_.wait(busy || is_log_ahead() ? 0 : wait_ms(), mailbox_->wake);
    now_us_ = monotonic_time_us();
    take_replies();
    if (is_stopping()) return;
    heed_withdrawals();
    if ((ready.live || ready.woken) && live_.take_subscriptions()) heartbeat_at_us_ = now_us_;
    take_news();
    take_answers();
    if (ready.requests) take_requests();
    if (std::exchange(progress_due_, false)) tell_progress();
    retry_outboxes();
    busy = serve_fetches();
    if (now_us_ >= heartbeat_at_us_) heartbeat();
    on_tick();
    for (const auto& identity : std::exchange(gone_, {})) {
      peers_.remove(identity);
      outboxes_.remove(identity);
    }
  }
}

bool Server::is_stopping() const {
  const std::lock_guard lock(mailbox_->mutex);
  return mailbox_->stopping;
}

int Server::wait_ms() const {
  auto until = std::min(heartbeat_at_us_, tick_at_us_) - now_us_;
  if (!outboxes_.empty()) until = std::min(until, kRetryInterval_us);
  if (statuses_due_) until = std::min(until, kStatusInterval_us);
  return static_cast<int>(std::clamp<std::int64_t>((until + 999) / 1000, 0, 250));
}

void Server::take_news() {
  auto news = live_.take();
  if (!news.latest) return;
  for (auto& post : news.posts) {
    if (post.broadcast) live_.broadcast(*post.broadcast);
    if (post.rewound) {
      log_.instance = random_number();
      peers_.for_each([](const Bytes&, PeerSession& session) { session.on_log_rewound(); });
    }
    // What was not broadcast is announced at once.
    if (!post.broadcast) heartbeat_at_us_ = now_us_;
    log_.bounds = post.bounds;
  }
  if (!news.posts.empty()) live_.end_turn();
  log_.bounds = news.latest;
  for (const auto& step : news.steps) lag_.note(step.seq, step.time_us);
  bytes_.note(*log_.bounds, news.appended_bytes);
  peers_.for_each([this](const Bytes& identity, PeerSession& session) {
    session.on_log_advanced();
    carry_out(identity, session);
  });
}

// Who waits for the log has to hear of it at once; the rest hears of it when we are awake anyway.
bool Server::is_log_ahead() {
  bool awaited = false;
  peers_.for_each([&awaited](const Bytes&, PeerSession& session) {
    awaited = awaited || session.has_held_answers();
  });
  return live_.want_word(awaited);
}

void Server::take_answers() {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mailbox_->mutex);
    answers.swap(mailbox_->answers);
  }
  for (auto& [identity, request_id, answer] : answers) {
    if (auto* session = peers_.find(identity)) {
      session->on_pages(request_id, std::move(answer));
      carry_out(identity, *session);
    }
  }
}

void Server::take_requests() {
  for (int i = 0; i < kRequestsAtOnce; ++i) {
    auto request = sockets_.receive();
    if (!request) break;
    auto message = decode_message(request->payload);
    if (!message || !is_allowed(*request, *message)) continue;
    if (const auto* probe = std::get_if<message::Probe>(&*message)) {
      take_probe(*request, *probe);
    } else {
      take_request(request->identity, std::move(*message));
    }
  }
}

void Server::take_request(const Bytes& identity, Message message) {
  if (const auto* command = std::get_if<message::Command>(&message)) {
    return take_command(identity, *command);
  }
  // Its position is held against the end of the log, which may have moved since this round began.
  if (std::holds_alternative<message::Hello>(message)) take_news();
  auto* session = peers_.find(identity);
  if (!session && std::holds_alternative<message::Hello>(message)) {
    session = peers_.add(identity, now_us_);
    if (!session) {
      return send_to(identity,
                     message::Refused{RefusalCode::full, "this node takes no more standbys"});
    }
  }
  const bool is_ack = std::holds_alternative<message::Ack>(message);
  statuses_due_ = statuses_due_ || is_ack;
  progress_due_ = progress_due_ || is_ack;
  // Strangers get their refusal, but no place in the table.
  PeerSession stranger(log_, *reader_, now_us_);
  if (!session) session = &stranger;
  session->on_message(std::move(message), now_us_);
  carry_out(identity, *session);
}

void Server::carry_out(const Bytes& identity, PeerSession& session) {
  for (auto& action : session.take_actions()) {
    if (const auto* send = std::get_if<PeerSession::Send>(&action)) {
      send_to(identity, send->message);
    } else if (auto* ask = std::get_if<PeerSession::AskPages>(&action)) {
      if (outboxes_.is_stalled(identity)) {
        outboxes_.put_off(identity, std::move(*ask));
      } else {
        ask_pages(identity, std::move(*ask));
      }
    } else {
      session.on_outline(pages_ ? pages_->outline() : std::nullopt);
      carry_out(identity, session);
    }
  }
}

void Server::ask_pages(const Bytes& identity, PeerSession::AskPages question) {
  auto deliver = [box = mailbox_, identity,
                  id = question.request_id](std::optional<PageAnswer> answer) {
    {
      const std::lock_guard lock(box->mutex);
      box->answers.push_back({identity, id, std::move(answer)});
    }
    box->wake.wake();
  };
  pages_ ? pages_->ask(std::move(question.request), deliver) : deliver(std::nullopt);
}

void Server::send_to(const Bytes& identity, const Message& message) {
  if (!outboxes_.send(identity, encode_message(message))) gone_.push_back(identity);
}

void Server::retry_outboxes() {
  outboxes_.keep_only([this](const Bytes& identity) { return peers_.find(identity) != nullptr; });
  outboxes_.retry(
      [this](const Bytes& identity, PeerSession::AskPages question) {
        ask_pages(identity, std::move(question));
      },
      [this](const Bytes& identity) { gone_.push_back(identity); });
}

// One message for each standby that catches up, in turn. True: there is more to send.
bool Server::serve_fetches() {
  bool more = false;
  peers_.for_each([&](const Bytes& identity, PeerSession& session) {
    if (!session.has_more_to_send() || outboxes_.is_stalled(identity)) return;
    session.send_more();
    carry_out(identity, session);
    more = more || (session.has_more_to_send() && !outboxes_.is_stalled(identity));
  });
  return more;
}

void Server::heartbeat() {
  heartbeat_at_us_ = now_us_ + kHeartbeatInterval_us;
  tick_at_us_ = std::min(tick_at_us_, now_us_);  // one waking for both
  if (!log_.bounds) return;
  const auto bytes = encode_message(message::Heartbeat{
      log_.stream, log_.instance, log_.bounds->last, log_.bounds->next, unix_time_us()});
  live_.broadcast(bytes);
}

void Server::on_tick() {
  if (statuses_due_ && now_us_ - statuses_at_us_ >= kStatusInterval_us) publish_statuses();
  if (now_us_ < tick_at_us_) return;
  tick_at_us_ = now_us_ + kTick_us;
  peers_.remove_expired(now_us_);
  publish_statuses();
  tell_progress();
}

void Server::tell_progress() {
  if (options_.on_progress) options_.on_progress(peers_, now_us_);
}

void Server::publish_statuses() {
  statuses_due_ = false;
  statuses_at_us_ = now_us_;
  auto statuses = peers_.statuses(lag_, bytes_, now_us_);
  const std::lock_guard lock(mailbox_->mutex);
  mailbox_->statuses = std::move(statuses);
}

}  // namespace understudy
