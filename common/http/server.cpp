#include "common/http/server.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/core/thread_subject.h"
#include "common/http/loop.h"
#include "common/logging/log.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace understudy::http {
namespace {

constexpr std::int64_t kBeat_us = 1'000'000;
constexpr std::int64_t kComment_us = 15'000'000;
constexpr std::int64_t kAcceptPause_us = 20'000;

struct LaneSize {
  const char* name;
  std::size_t threads;
};
// Of Lane; the loop itself is the first one. Slow: six that wait, a command, one more that is told
// so, and a snapshot, likewise.
constexpr std::array<LaneSize, kLanes> kLaneSizes = {
    {{"", 0}, {"health", 1}, {"quick", 2}, {"slow", 10}}};

}  // namespace

Server::Server(ServerOptions options, const Router& router, EventFeed& feed)
    : loop_(std::make_unique<Loop>(std::move(options), router, feed)) {}
Server::~Server() = default;

Server::Loop::Loop(ServerOptions options, const Router& router, EventFeed& feed)
    : options_(std::move(options)),
      router_(router),
      feed_(feed),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      accepts_(std::max<std::int64_t>(1, options_.accepts_per_second / 5),
               options_.accepts_per_second) {
  if (wake_ < 0) throw IoError("make", "eventfd", errno);
  for (std::size_t lane = 1; lane < kLanes; ++lane) {
    lanes_[lane] = std::make_unique<Workers>(options_.name + "-" + kLaneSizes[lane].name,
                                             kLaneSizes[lane].threads, options_.connection_limit);
  }
  thread_ = start_thread([this] {
    ::pthread_setname_np(::pthread_self(), options_.name.c_str());
    run();
  });
}

Server::Loop::~Loop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  for (auto& lane : lanes_) lane.reset();
  watch_.reset();
  ::close(wake_);
}

void Server::Loop::run() {
  bool was_stopping = false;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ && !was_stopping) ::close(options_.listening);
      was_stopping = stopping_;
    }
    if (was_stopping) {
      end_idle();
      if (connections_.empty()) return;
    }
    wait();
    const auto now_us = monotonic_time_us();
    if (polled_[0].revents != 0) {
      std::uint64_t count = 0;
      (void)!::read(wake_, &count, sizeof count);
    }
    take_done(now_us);
    if (polled_[1].revents != 0) accept_all(now_us);
    for (std::size_t i = 0; i < polled_ids_.size(); ++i) {
      if (polled_[i + 2].revents == 0) continue;
      const auto found = connections_.find(polled_ids_[i]);
      if (found != connections_.end()) found->second.on_ready(now_us);
    }
    for (auto& [id, connection] : connections_) dispatch(connection, now_us);
    beat(now_us);
    send_events(now_us);
    for (auto& [id, connection] : connections_) connection.tick(now_us);
    forget_ended();
  }
}

void Server::Loop::forget_ended() {
  std::erase_if(connections_, [this](const auto& entry) {
    if (const auto drop = entry.second.dropped()) options_.traffic->note(*drop);
    return entry.second.is_over();
  });
  options_.traffic->note_open(connections_.size());
}

// Until something is ready, somebody wakes, or a deadline has come.
void Server::Loop::wait() {
  const auto now_us = monotonic_time_us();
  bool accepts = now_us >= accept_again_us_;
  {
    const std::lock_guard lock(mutex_);
    accepts = accepts && !stopping_;
  }
  polled_.assign({{wake_, POLLIN, 0}, {accepts ? options_.listening : -1, POLLIN, 0}});
  polled_ids_.clear();
  for (const auto& [id, connection] : connections_) {
    const auto wanted = connection.wanted();
    if (wanted == 0) continue;
    polled_.push_back({connection.descriptor(), wanted, 0});
    polled_ids_.push_back(id);
  }
  const auto deadline_us = next_deadline_us();
  int timeout_ms = -1;
  if (deadline_us != Connection::kNever) {
    timeout_ms = static_cast<int>((std::max<std::int64_t>(0, deadline_us - now_us) + 999) / 1000);
  }
  if (::poll(polled_.data(), polled_.size(), timeout_ms) < 0) {
    for (auto& entry : polled_) entry.revents = 0;
  }
}

std::int64_t Server::Loop::next_deadline_us() const {
  auto deadline_us = Connection::kNever;
  for (const auto& [id, connection] : connections_) {
    deadline_us = std::min(deadline_us, connection.deadline_us());
  }
  if (accept_again_us_ > monotonic_time_us()) deadline_us = std::min(deadline_us, accept_again_us_);
  if (watch_) deadline_us = std::min(deadline_us, next_beat_us_);
  return deadline_us;
}

// --- connections ---

void Server::Loop::accept_all(std::int64_t now_us) {
  for (;;) {
    // Asked before one is taken: what is beyond the limit stays in the kernel's queue.
    if (!accepts_.take(now_us)) {
      accept_again_us_ = now_us + kAcceptPause_us;
      return;
    }
    const int socket =
        ::accept4(options_.listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      accept_one(socket, now_us);
      continue;
    }
    // No descriptors left, say: it is not worth a busy loop.
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      accept_again_us_ = now_us + kAcceptPause_us;
    }
    return;
  }
}

void Server::Loop::accept_one(int socket, std::int64_t now_us) {
  options_.traffic->note_accepted();
  if (!make_room()) {
    ::close(socket);
    options_.traffic->note(Drop::no_room);
    return;
  }
  try {
    auto stream =
        options_.tls ? options_.tls->current()->make_stream(socket) : make_plain_stream(socket);
    const auto id = ++last_id_;
    connections_.try_emplace(id, id, std::move(stream), now_us);
  } catch (const Error& error) {
    log::warning("http_failed", error.what());
  }
}

// False: all are being answered.
bool Server::Loop::make_room() {
  if (connections_.size() < options_.connection_limit) return true;
  const auto slowest = std::ranges::find_if(connections_, [](const auto& entry) {
    return entry.second.phase() == Connection::Phase::head ||
           entry.second.phase() == Connection::Phase::draining;
  });
  if (slowest == connections_.end()) return false;
  if (slowest->second.phase() == Connection::Phase::head) options_.traffic->note(Drop::no_room);
  connections_.erase(slowest);
  return true;
}

// When shutting down: who has not asked yet, or only reads events, is not waited for.
void Server::Loop::end_idle() {
  std::erase_if(connections_, [](const auto& entry) {
    const auto phase = entry.second.phase();
    return phase != Connection::Phase::waiting && phase != Connection::Phase::writing;
  });
}

// --- answers ---

void Server::Loop::dispatch(Connection& connection, std::int64_t now_us) {
  auto head = connection.take_head();
  if (head.empty()) return;
  if (!head.ends_with("\r\n\r\n")) {
    options_.traffic->note(Drop::bad_request);
    connection.answer(
        "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
        "Content-Length: 0\r\n\r\n",
        false, now_us);
    return;
  }
  const auto lane = router_.lane_of(head);
  if (lane == Lane::at_once) return begin_answer(connection, router_.answer(head), now_us);
  auto& workers = *lanes_[static_cast<std::size_t>(lane)];
  const bool is_taken = workers.post([this, id = connection.id(), head = std::move(head)] {
    hand_back({id, router_.answer(head)});
  });
  if (!is_taken) connection.answer(busy_answer(), false, now_us);
}

void Server::Loop::hand_back(Done done) {
  {
    const std::lock_guard lock(mutex_);
    done_.push_back(std::move(done));
  }
  wake();
}

void Server::Loop::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

void Server::Loop::take_done(std::int64_t now_us) {
  std::vector<Done> done;
  {
    const std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (auto& [id, answer] : done) {
    if (id == 0) {
      is_beating_ = false;
      for (auto& [other, connection] : connections_) connection.send(answer.bytes, now_us);
      continue;
    }
    const auto found = connections_.find(id);
    if (found != connections_.end()) begin_answer(found->second, std::move(answer), now_us);
  }
}

void Server::Loop::begin_answer(Connection& connection, Router::Answer answer,
                                std::int64_t now_us) {
  if (answer.is_bad_request) options_.traffic->note(Drop::bad_request);
  if (!answer.events_after) return connection.answer(std::move(answer.bytes), false, now_us);
  if (count_streams() >= options_.streams_limit) {
    return connection.answer(busy_answer(), false, now_us);
  }
  connection.last_event = *answer.events_after;
  connection.answer(std::move(answer.bytes), true, now_us);
  if (watch_) return;
  watch_ = feed_.watch([this] { wake(); });
  next_beat_us_ = now_us;
  next_comment_us_ = now_us + kComment_us;
}

// --- readers of events ---

std::size_t Server::Loop::count_streams() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      connections_, [](const auto& entry) { return entry.second.stays_open(); }));
}

void Server::Loop::send_events(std::int64_t now_us) {
  if (!watch_) return;
  for (auto& [id, connection] : connections_) {
    if (connection.stays_open()) connection.send(feed_.next(connection.last_event), now_us);
  }
}

// Once a second while somebody reads; a comment now and then keeps proxies from giving up.
void Server::Loop::beat(std::int64_t now_us) {
  if (!watch_ || now_us < next_beat_us_) return;
  if (count_streams() == 0) {
    watch_.reset();
    return;
  }
  next_beat_us_ = now_us + kBeat_us;
  if (now_us >= next_comment_us_) {
    next_comment_us_ = now_us + kComment_us;
    for (auto& [id, connection] : connections_) connection.send(": still here\n\n", now_us);
  }
  if (is_beating_) return;
  is_beating_ = lanes_[static_cast<std::size_t>(Lane::quick)]->post([this] {
    hand_back({0, {feed_.periodic(), {}}});
  });
}

}  // namespace understudy::http
