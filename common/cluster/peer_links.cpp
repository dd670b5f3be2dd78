#include "common/cluster/peer_links.h"

#include "common/core/assert.h"
#include "common/core/clock.h"
#include "common/core/heartbeat.h"
#include "common/core/random_number.h"
#include "common/core/thread_subject.h"

#include <pthread.h>

#include <algorithm>
#include <future>
#include <utility>

namespace understudy {
namespace {

constexpr int kAnswersAtOnce = 64;  // of one peer: a flood of them must not keep us from the others
constexpr std::int64_t kLongestWait_us = 1'000'000;
constexpr auto kFirstRefreshPause = std::chrono::milliseconds(20);
constexpr auto kLongestRefreshPause = std::chrono::milliseconds(320);

}  // namespace

PeerLinks::PeerLinks(PeerLinksOptions options)
    : options_(std::move(options)),
      network_(options_.security),
      sockets_(network_, options_.peers, options_.sockets),
      view_(options_.report(), options_.peers.size(), random_number(), monotonic_time_us()),
      links_(options_.peers.size()),
      next_command_id_(random_number()),
      wanted_(options_.peers.size()),
      thread_(start_thread([this] { run_guarded(); })) {}

PeerLinks::~PeerLinks() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.wake();
  thread_.join();
}

// --- any thread ---

void PeerLinks::on_visit(const PeerReport& report) {
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    const auto due_us = view_.next_tick_us();
    view_.on_visit(report, monotonic_time_us());
    changed = view_.has_events() || view_.next_tick_us() < due_us;
  }
  if (changed) wake_.wake();
}

void PeerLinks::announce() {
  {
    const std::lock_guard lock(mutex_);
    view_.announce(monotonic_time_us());
  }
  wake_.wake();
}

std::optional<Peer> PeerLinks::primary() const {
  const std::lock_guard lock(mutex_);
  return view_.primary();
}

Epoch PeerLinks::highest_epoch() const {
  const std::lock_guard lock(mutex_);
  return view_.highest_epoch();
}

std::optional<Fork> PeerLinks::fork() const {
  const std::lock_guard lock(mutex_);
  return view_.fork();
}

std::vector<Peer> PeerLinks::peers() const {
  const std::lock_guard lock(mutex_);
  return view_.peers();
}

std::optional<Peer> PeerLinks::find(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  return view_.find(node);
}

std::optional<Endpoint> PeerLinks::endpoint_of(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  const auto index = view_.endpoint_of(node);
  return index ? std::optional(options_.peers[*index]) : std::nullopt;
}

std::vector<UnansweredPeer> PeerLinks::unanswered(std::int64_t since_us) const {
  const std::lock_guard lock(mutex_);
  std::vector<UnansweredPeer> list;
  for (std::size_t i = 0; i < options_.peers.size(); ++i) {
    if (view_.is_own(i) || view_.answered_us(i) >= since_us) continue;
    list.push_back({options_.peers[i], view_.last_node(i)});
  }
  return list;
}

bool PeerLinks::refresh(Milliseconds timeout, bool only_connected) {
  US_ASSERT(std::this_thread::get_id() != thread_.get_id(), "it waits for the peers thread");
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::chrono::steady_clock::duration pause = kFirstRefreshPause;
  std::unique_lock lock(mutex_);
  const auto since_us = monotonic_time_us();
  while (!is_over_) {
    // Again and again: a connection that has just died may have swallowed the one before.
    view_.announce(monotonic_time_us());
    wake_.wake();
    const auto until = std::min(deadline, std::chrono::steady_clock::now() + pause);
    const auto done = [&] { return is_over_ || is_answered(since_us, only_connected); };
    if (answered_.wait_until(lock, until, done)) return !is_over_;
    if (until == deadline) return false;
    pause = std::min<std::chrono::steady_clock::duration>(2 * pause, kLongestRefreshPause);
  }
  return false;
}

bool PeerLinks::is_answered(std::int64_t since_us, bool only_connected) const {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const bool is_unreachable = links_[i].probe_id != 0 && links_[i].refused_us >= since_us;
    const bool done =
        view_.is_own(i) || view_.answered_us(i) >= since_us || (only_connected && is_unreachable);
    if (!done) return false;
  }
  return true;
}

void PeerLinks::send_command(const Endpoint& peer, message::Command command, Milliseconds timeout,
                             std::function<void(CommandOutcome)> ended) {
  const auto until_us =
      monotonic_time_us() + std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
  const auto found = std::ranges::find(options_.peers, peer);
  {
    const std::lock_guard lock(mutex_);
    if (!is_over_) {
      command.command_id = next_command_id_++;
      const bool is_known = found != options_.peers.end();
      orders_.push_back({.endpoint = static_cast<std::size_t>(found - options_.peers.begin()),
                         .id = command.command_id,
                         .payload = encode_message(command),
                         .until_us = is_known ? until_us : 0,
                         .is_sent = false,
                         .ended = std::move(ended)});
      ended = nullptr;
    }
  }
  if (ended) return ended({});
  wake_.wake();
}

CommandOutcome PeerLinks::send_command(const Endpoint& peer, message::Command command,
                                       Milliseconds timeout) {
  US_ASSERT(std::this_thread::get_id() != thread_.get_id(), "it waits for the peers thread");
  auto outcome = std::make_shared<std::promise<CommandOutcome>>();
  send_command(peer, std::move(command), timeout,
               [outcome](CommandOutcome ended) { outcome->set_value(std::move(ended)); });
  return outcome->get_future().get();
}

// --- the peers thread ---

void PeerLinks::run_guarded() {
  pthread_setname_np(pthread_self(), "peers");
  std::exception_ptr failure;
  try {
    run();
  } catch (const std::exception&) {
    if (!options_.failed) throw;
    failure = std::current_exception();
  }
  end_all_orders();
  if (failure) options_.failed(failure);
}

void PeerLinks::run() {
  const heartbeat::Loop loop("peers");
  while (true) {
    heartbeat::turn();
    const auto self = options_.report();
    const auto now_us = monotonic_time_us();
    int timeout_ms = 0;
    {
      const std::lock_guard lock(mutex_);
      if (is_stopping_) return;
      view_.on_self(self, now_us);
      view_.tick(now_us);
      for (const auto& due : view_.take_probes()) links_[due.endpoint].probe_id = due.probe_id;
      send_probes(self, now_us);
      send_orders(now_us);
      timeout_ms = wait_ms(now_us);
    }
    answered_.notify_all();
    if (!tell()) sockets_.wait(timeout_ms, wake_, wanted_);
    take_answers();
    take_troubles();
  }
}

// What cannot be sent waits for the connection, or for the next probe that takes its place.
void PeerLinks::send_probes(const PeerReport& self, std::int64_t now_us) {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    auto& link = links_[i];
    wanted_[i] = false;
    if (link.probe_id == 0) continue;
    if (sockets_.send(i, encode_message(message::Probe{link.probe_id, self}))) {
      link.probe_id = 0;
    } else {
      link.refused_us = now_us;
      wanted_[i] = true;
    }
  }
}

void PeerLinks::send_orders(std::int64_t now_us) {
  for (auto& order : orders_) {
    if (order.is_sent || order.until_us <= now_us) continue;
    order.is_sent = sockets_.send(order.endpoint, order.payload);
    if (!order.is_sent) wanted_[order.endpoint] = true;
  }
  const auto overdue = std::ranges::stable_partition(
      orders_, [&](const Order& order) { return order.until_us > now_us; });
  for (auto& order : overdue) end_unanswered(order);
  orders_.erase(overdue.begin(), overdue.end());
}

void PeerLinks::end_unanswered(Order& order) {
  const auto kind = order.is_sent ? CommandOutcome::Kind::silent : CommandOutcome::Kind::not_sent;
  ended_.push_back({std::move(order.ended), {kind, {}}});
}

void PeerLinks::end_all_orders() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    for (auto& order : orders_) end_unanswered(order);
    orders_.clear();
  }
  answered_.notify_all();
  static_cast<void>(tell());
}

int PeerLinks::wait_ms(std::int64_t now_us) const {
  auto until_us = view_.next_tick_us();
  for (const auto& order : orders_) until_us = std::min(until_us, order.until_us);
  return static_cast<int>((std::clamp<std::int64_t>(until_us - now_us, 0, kLongestWait_us) + 999) /
                          1000);
}

void PeerLinks::take_answers() {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    for (int n = 0; n < kAnswersAtOnce; ++n) {
      const auto bytes = sockets_.receive(i);
      if (!bytes) break;
      if (auto answer = decode_message(*bytes)) take_answer(i, std::move(*answer));
    }
  }
}

void PeerLinks::take_answer(std::size_t endpoint, Message answer) {
  const std::lock_guard lock(mutex_);
  if (const auto* told = std::get_if<message::ProbeReply>(&answer)) {
    const auto& peer = options_.peers[endpoint];
    // Who may not lead could only mislead.
    if (!network_.security()->is_heard_at(peer.to_string(), told->report.node)) return;
    view_.on_answer(endpoint, told->probe_id, told->report, monotonic_time_us());
  } else if (auto* reply = std::get_if<message::CommandReply>(&answer)) {
    const auto order = std::ranges::find_if(orders_, [&](const Order& o) {
      return o.is_sent && o.endpoint == endpoint && o.id == reply->command_id;
    });
    if (order == orders_.end()) return;
    ended_.push_back(
        {std::move(order->ended), {CommandOutcome::Kind::answered, std::move(*reply)}});
    orders_.erase(order);
  }
}

void PeerLinks::take_troubles() {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const auto trouble = sockets_.take_trouble(i);
    if (trouble && options_.trouble) options_.trouble(*trouble);
  }
}

// True: something was told, and may have led to more to do.
bool PeerLinks::tell() {
  std::vector<PeerEvent> events;
  {
    const std::lock_guard lock(mutex_);
    events = view_.take_events();
  }
  const auto ended = std::exchange(ended_, {});
  for (const auto& event : events) {
    if (options_.event) options_.event(event);
  }
  for (const auto& [inform, outcome] : ended) inform(outcome);
  return !events.empty() || !ended.empty();
}

}  // namespace understudy
