#include "common/transport/sockets.h"

#include "common/transport/zmq_calls.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace understudy {

using namespace zmq_calls;

Network::Network() try : context_(std::make_unique<Context>()) {
} catch (const zmq::error_t& error) {
  throw TransportError(fmt::format("cannot make a ZeroMQ context: {}", error.what()));
}
Network::~Network() = default;

Wake::Wake() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw IoError("make", "an eventfd", errno);
}

Wake::~Wake() {
  ::close(fd_);
}

void Wake::wake() {
  const std::uint64_t one = 1;
  // EAGAIN means that the counter is full: awake it is.
  if (::write(fd_, &one, sizeof one) < 0 && errno != EAGAIN)
    throw IoError("write", "eventfd", errno);
}

void Wake::clear() {
  std::uint64_t count = 0;
  if (::read(fd_, &count, sizeof count) < 0 && errno != EAGAIN) {
    throw IoError("read", "eventfd", errno);
  }
}

namespace {

Ready wait_for(zmq::pollitem_t live, zmq::socket_t& requests, int timeout_ms, Wake& wake) {
  std::array<zmq::pollitem_t, 3> items = {
      {live, {requests.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, wake.fd(), ZMQ_POLLIN, 0}}};
  return guarded("poll sockets", [&]() -> Ready {
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(timeout_ms));
    const Ready ready{(items[0].revents & ZMQ_POLLIN) != 0, (items[1].revents & ZMQ_POLLIN) != 0,
                      (items[2].revents & ZMQ_POLLIN) != 0};
    if (ready.woken) wake.clear();
    return ready;
  });
}

}  // namespace

// --- server ---

struct ServerSockets::Sockets {
  zmq::socket_t live;
  zmq::socket_t requests;
  const int live_descriptor;
  std::atomic<bool> more_subscriptions{true};  // than were taken so far

  explicit Sockets(zmq::context_t& context)
      : live(context, zmq::socket_type::xpub),
        requests(context, zmq::socket_type::router),
        live_descriptor(live.get(zmq::sockopt::fd)) {}
};

namespace {

// The port that the kernel picked, out of "tcp://127.0.0.1:41234".
std::uint16_t bound_port(zmq::socket_t& socket) {
  return Endpoint::parse(socket.get(zmq::sockopt::last_endpoint)).port;
}

void bind_named(zmq::socket_t& socket, const std::string& address, std::string_view what) {
  try {
    socket.bind(address);
  } catch (const zmq::error_t& error) {
    throw TransportError(fmt::format("cannot listen on {} ({}): {}", address, what, error.what()));
  }
}

void bind_both(zmq::socket_t& live, zmq::socket_t& requests, Endpoint& endpoint) {
  if (endpoint.port != 0) {
    bind_named(live, endpoint.live(), "the live stream");
    bind_named(requests, endpoint.requests(),
               "requests, on the port after that of the live stream");
    return;
  }
  constexpr int kTries = 50;
  for (int attempt = 1;; ++attempt) {
    live.bind(fmt::format("tcp://{}:*", endpoint.host));
    endpoint.port = bound_port(live);
    try {
      return requests.bind(endpoint.requests());
    } catch (const zmq::error_t&) {
      live.unbind(endpoint.live());
      if (attempt == kTries) throw;
    }
  }
}

}  // namespace

ServerSockets::ServerSockets(const Network& network, const Endpoint& endpoint,
                             const SocketOptions& options)
    : endpoint_(endpoint) {
  try {
    sockets_ = std::make_unique<Sockets>(network.context().zmq);
    auto& live = sockets_->live;
    auto& requests = sockets_->requests;
    set_common(live, options, options.live_queue);
    // Pass on repeated subscriptions too: each asks for a heartbeat.
    live.set(zmq::sockopt::xpub_verbose, true);
    set_common(requests, options, options.request_queue);
    requests.set(zmq::sockopt::sndhwm, options.answer_queue);
    requests.set(zmq::sockopt::router_mandatory, true);
    bind_both(live, requests, endpoint_);
  } catch (const zmq::error_t& error) {
    throw TransportError(fmt::format("cannot listen on {}: {}", endpoint.live(), error.what()));
  }
}

ServerSockets::~ServerSockets() = default;

// Sending also takes in what the I/O thread has to say; its descriptor is silent about that then,
// and the next wait() has to be told.
bool ServerSockets::broadcast(const StreamId& topic, ByteView payload) {
  return guarded("broadcast", [&]() -> bool {
    auto& live = sockets_->live;
    const auto flags = zmq::send_flags::dontwait;
    if (live.send(zmq::buffer(topic.bytes), flags | zmq::send_flags::sndmore)) {
      static_cast<void>(live.send(zmq::buffer(payload.data(), payload.size()), flags));
    }
    const bool any = (live.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
    if (any) sockets_->more_subscriptions = true;
    return any;
  });
}

ServerSockets::Sent ServerSockets::send(ByteView identity, ByteView payload) {
  auto& requests = sockets_->requests;
  const auto flags = zmq::send_flags::dontwait;
  try {
    const auto first = zmq::buffer(identity.data(), identity.size());
    if (!requests.send(first, flags | zmq::send_flags::sndmore)) return Sent::full;
    return requests.send(zmq::buffer(payload.data(), payload.size()), flags) ? Sent::sent
                                                                             : Sent::full;
  } catch (const zmq::error_t& error) {
    if (error.num() == EHOSTUNREACH) return Sent::gone;
    if (error.num() == EINTR) return Sent::full;
    throw TransportError(fmt::format("cannot answer a standby: {}", error.what()));
  }
}

std::optional<ServerSockets::Request> ServerSockets::receive() {
  return guarded("receive a request", [&]() -> std::optional<Request> {
    while (auto parts = receive_parts(sockets_->requests)) {
      if (parts->count == 2) return Request{bytes_of(parts->first), bytes_of(parts->second)};
    }
    return std::nullopt;
  });
}

bool ServerSockets::take_subscriptions() {
  return guarded("receive a subscription", [&] {
    constexpr int kAtOnce = 1000;  // a flood of them must not keep us here
    bool any = false;
    sockets_->more_subscriptions = true;
    for (int i = 0; i < kAtOnce; ++i) {
      const auto parts = receive_parts(sockets_->live);
      if (!parts) {
        sockets_->more_subscriptions = false;
        break;
      }
      const auto body = view_of(parts->first);
      any = any || (!body.empty() && body[0] == std::byte{1});
    }
    return any;
  });
}

// The live socket's descriptor alone is looked at, for another thread may be using the socket.
Ready ServerSockets::wait(int timeout_ms, Wake& wake) {
  const bool more = sockets_->more_subscriptions;
  const zmq::pollitem_t live{nullptr, sockets_->live_descriptor, ZMQ_POLLIN, 0};
  auto ready = wait_for(live, sockets_->requests, more ? 0 : timeout_ms, wake);
  ready.live = ready.live || more;
  return ready;
}

// --- client ---

struct ClientSockets::Sockets {
  zmq::socket_t live;
  zmq::socket_t requests;
  std::string topic;

  explicit Sockets(zmq::context_t& context)
      : live(context, zmq::socket_type::sub), requests(context, zmq::socket_type::dealer) {}
};

ClientSockets::ClientSockets(const Network& network, const Endpoint& endpoint,
                             const std::optional<StreamId>& topic, const SocketOptions& options) {
  try {
    sockets_ = std::make_unique<Sockets>(network.context().zmq);
    auto& [live, requests, prefix] = *sockets_;
    if (topic) prefix.assign(topic->bytes.begin(), topic->bytes.end());
    set_common(live, options, options.live_queue);
    live.set(zmq::sockopt::subscribe, prefix);
    live.connect(endpoint.live());
    set_common(requests, options, options.request_queue);
    // Nothing waits in a queue for a server that is not there: it would be stale when it comes.
    requests.set(zmq::sockopt::immediate, true);
    requests.connect(endpoint.requests());
  } catch (const zmq::error_t& error) {
    throw TransportError(fmt::format("cannot connect to {}: {}", endpoint.live(), error.what()));
  }
}

ClientSockets::~ClientSockets() = default;
ClientSockets::ClientSockets(ClientSockets&&) noexcept = default;
ClientSockets& ClientSockets::operator=(ClientSockets&&) noexcept = default;

bool ClientSockets::send(ByteView payload) {
  return guarded("send a request", [&]() -> bool {
    const auto body = zmq::buffer(payload.data(), payload.size());
    return sockets_->requests.send(body, zmq::send_flags::dontwait).has_value();
  });
}

std::optional<Bytes> ClientSockets::receive() {
  return guarded("receive an answer", [&]() -> std::optional<Bytes> {
    while (const auto parts = receive_parts(sockets_->requests)) {
      if (parts->count == 1) return bytes_of(parts->first);
    }
    return std::nullopt;
  });
}

std::optional<Bytes> ClientSockets::receive_live() {
  return guarded("receive from the live stream", [&]() -> std::optional<Bytes> {
    while (const auto parts = receive_parts(sockets_->live)) {
      if (parts->count == 2) return bytes_of(parts->second);
    }
    return std::nullopt;
  });
}

void ClientSockets::resubscribe() {
  guarded("subscribe", [&] {
    sockets_->live.set(zmq::sockopt::unsubscribe, sockets_->topic);
    sockets_->live.set(zmq::sockopt::subscribe, sockets_->topic);
    return true;
  });
}

Ready ClientSockets::wait(int timeout_ms, Wake& wake) {
  return wait_for({sockets_->live.handle(), 0, ZMQ_POLLIN, 0}, sockets_->requests, timeout_ms,
                  wake);
}

}  // namespace understudy
