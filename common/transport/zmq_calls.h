// What all sockets have in common: limits and heartbeats, receiving whole messages, and what
// becomes of ZeroMQ's errors. For the .cpp files of this room only.  A socket belongs to one
// thread.
#pragma once

#include "common/core/errors.h"
#include "common/transport/message.h"
#include "common/transport/sockets.h"

#include <fmt/format.h>

#include <zmq.hpp>

namespace understudy {

struct Network::Context {
  zmq::context_t zmq{1};
};

constexpr int kHandshakeLimit_ms = 5000;
// ZAP domains: what a key is shown for.
constexpr std::string_view kLiveDomain = "live";
constexpr std::string_view kRequestsDomain = "requests";

namespace zmq_calls {

inline ByteView view_of(const zmq::message_t& message) {
  return {static_cast<const std::byte*>(message.data()), message.size()};
}

inline Bytes bytes_of(const zmq::message_t& message) {
  const auto view = view_of(message);
  return {view.begin(), view.end()};
}

inline void set_common(zmq::socket_t& socket, const SocketOptions& options, int queue) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(kMessageLimit));
  socket.set(zmq::sockopt::sndhwm, queue);
  socket.set(zmq::sockopt::rcvhwm, queue);
  socket.set(zmq::sockopt::heartbeat_ivl, options.heartbeat_ms);
  socket.set(zmq::sockopt::heartbeat_timeout, 3 * options.heartbeat_ms);
  socket.set(zmq::sockopt::heartbeat_ttl, 3 * options.heartbeat_ms);
  socket.set(zmq::sockopt::reconnect_ivl, options.reconnect_ms);
  socket.set(zmq::sockopt::reconnect_ivl_max, options.reconnect_max_ms);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeLimit_ms);
  socket.set(zmq::sockopt::ipv6, true);
}

// A whole multipart message without waiting; nullopt: none. More than two parts are dropped.
struct TwoParts {
  zmq::message_t first;
  zmq::message_t second;
  std::size_t count = 0;
};

inline std::optional<TwoParts> receive_parts(zmq::socket_t& socket) {
  TwoParts parts;
  if (!socket.recv(parts.first, zmq::recv_flags::dontwait)) return std::nullopt;
  parts.count = 1;
  bool more = parts.first.more();
  while (more) {
    zmq::message_t part;
    if (!socket.recv(part, zmq::recv_flags::dontwait)) break;
    more = part.more();
    if (++parts.count == 2) parts.second = std::move(part);
  }
  return parts;
}

// What a signal interrupts is simply tried again later, like what is not there yet.
template <typename F>
auto guarded(const char* doing, F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return {};
    throw TransportError(fmt::format("cannot {}: {}", doing, error.what()));
  }
}

}  // namespace zmq_calls
}  // namespace understudy
