#include "common/transport/peer_trial.h"

#include "common/core/clock.h"
#include "common/transport/watched_socket.h"

#include <array>

namespace understudy {

using namespace zmq_calls;

namespace {

constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
// ZeroMQ connects anew; a node that is starting or ending ends a handshake once, or twice.
constexpr int kEndsUntilSure = 3;
constexpr int kTurn_ms = 100;

class Attempt {
 public:
  Attempt(const Network& network, zmq::socket_type type)
      : security_(*network.security()), watched_(network, type, kEvents) {
    set_common(watched_.socket(), SocketOptions{}, SocketOptions{}.live_queue);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  void begin(const std::string& address, const std::string& key) {
    if (!security_.is_open()) watched_.demand_key(key, security_);
    socket().connect(address);
  }
  void look() {
    watched_.look([this](auto event, auto value) { take(event, value); });
  }
  [[nodiscard]] bool is_decided() const { return outcome_ != Handshake::no_answer; }
  [[nodiscard]] Handshake outcome() const { return outcome_; }
  [[nodiscard]] zmq::socket_t& socket() { return watched_.socket(); }
  [[nodiscard]] zmq::socket_t& events() { return watched_.events(); }

 private:
  void take(std::uint16_t event, std::uint32_t value) {
    if (is_decided()) return;
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      outcome_ = Handshake::let_in;
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) {
      if (++ends_ >= kEndsUntilSure) outcome_ = Handshake::ends_it;
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
      outcome_ = Handshake::refuses_key;
    } else if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
      outcome_ = security_.is_open() ? Handshake::demands_keys : Handshake::has_no_keys;
    } else {
      outcome_ = Handshake::other_words;
    }
  }

  const Security& security_;
  WatchedSocket watched_;
  int ends_ = 0;
  Handshake outcome_ = Handshake::no_answer;
};

// How far ahead the clock is that a heartbeat bears; nullopt: none has come.
std::optional<std::int64_t> clock_by_heartbeat(zmq::socket_t& live) {
  while (const auto parts = receive_parts(live)) {
    if (parts->count != 2) continue;
    const auto message = decode_message(view_of(parts->second));
    if (!message) continue;
    if (const auto* beat = std::get_if<message::Heartbeat>(&*message)) {
      return beat->time_us - unix_time_us();
    }
  }
  return std::nullopt;
}

}  // namespace

PeerTrial try_peer(const Network& network, const Endpoint& endpoint,
                   std::chrono::milliseconds patience) {
  const auto& security = *network.security();
  std::string key;
  if (!security.is_open()) {
    const auto listed = security.key_at(endpoint.to_string(), false);
    if (!listed) return {Handshake::unlisted, Handshake::unlisted, {}};
    key = *listed;
  }
  return guarded("try a handshake", [&]() -> PeerTrial {
    Attempt live(network, zmq::socket_type::sub);
    Attempt requests(network, zmq::socket_type::dealer);
    live.socket().set(zmq::sockopt::subscribe, "");
    live.begin(endpoint.live(), key);
    requests.begin(endpoint.requests(), key);
    PeerTrial trial;
    const auto until_us = monotonic_time_us() + patience.count() * 1000;
    for (;;) {
      live.look();
      requests.look();
      trial.live = live.outcome();
      trial.requests = requests.outcome();
      if (!trial.clock_ahead_us) trial.clock_ahead_us = clock_by_heartbeat(live.socket());
      const bool waits_for_time = trial.live == Handshake::let_in && !trial.clock_ahead_us;
      const bool is_done = live.is_decided() && requests.is_decided() && !waits_for_time;
      if (is_done || monotonic_time_us() >= until_us) return trial;
      std::array<zmq::pollitem_t, 3> items = {{{live.socket().handle(), 0, ZMQ_POLLIN, 0},
                                               {live.events().handle(), 0, ZMQ_POLLIN, 0},
                                               {requests.events().handle(), 0, ZMQ_POLLIN, 0}}};
      zmq::poll(items.data(), items.size(), std::chrono::milliseconds(kTurn_ms));
    }
  });
}

}  // namespace understudy
