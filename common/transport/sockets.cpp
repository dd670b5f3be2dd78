#include "common/transport/sockets.h"

#include "common/core/clock.h"
#include "common/transport/door.h"
#include "common/transport/link.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <thread>

namespace understudy {

using namespace zmq_calls;

Network::Network(std::shared_ptr<Security> security) try
    : security_(security ? std::move(security) : std::make_shared<Security>()),
      context_(std::make_unique<Context>()) {
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
  zmq::context_t& context;
  const std::shared_ptr<Security> security;
  Door door;  // before the sockets, and after them
  zmq::socket_t live;
  zmq::socket_t requests;
  int live_descriptor;
  std::atomic<bool> more_subscriptions{true};  // than were taken so far

  explicit Sockets(const Network& network)
      : context(network.context().zmq),
        security(network.security()),
        door(context, security),
        live(context, zmq::socket_type::xpub),
        requests(context, zmq::socket_type::router),
        live_descriptor(live.get(zmq::sockopt::fd)) {}
  ~Sockets() {
    door.unwatch(live);
    door.unwatch(requests);
  }
  void prepare(zmq::socket_t& socket, const SocketOptions& options, std::string_view domain);
  void prepare_live(const SocketOptions& options);
  void prepare_requests(const SocketOptions& options);
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

// The number of the connection that a message came over, as a file descriptor; nullopt: unknown.
std::optional<int> connection_of(zmq::message_t& message) {
  const auto* text = ::zmq_msg_gets(message.handle(), "__fd");
  if (text == nullptr) return std::nullopt;
  int connection = -1;
  const std::string_view digits(text);
  std::from_chars(digits.data(), digits.data() + digits.size(), connection);
  return connection;
}

// What the door answered when the key was shown.
std::string key_of(zmq::message_t& message) {
  const auto* text = ::zmq_msg_gets(message.handle(), "User-Id");
  return text == nullptr ? std::string() : text;
}

// The port of a socket that was just closed is free within a millisecond.
void bind_again(zmq::socket_t& socket, const std::string& address) {
  constexpr std::int64_t kPatience_us = 5'000'000;
  const auto until_us = monotonic_time_us() + kPatience_us;
  for (;;) {
    try {
      return socket.bind(address);
    } catch (const zmq::error_t& error) {
      if (error.num() != EADDRINUSE || monotonic_time_us() >= until_us) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

void ServerSockets::Sockets::prepare(zmq::socket_t& socket, const SocketOptions& options,
                                     std::string_view domain) {
  socket.set(zmq::sockopt::backlog, options.backlog);
  if (!security->is_open()) {
    socket.set(zmq::sockopt::curve_server, true);
    socket.set(zmq::sockopt::curve_secretkey, security->own().secret_key);
    socket.set(zmq::sockopt::zap_domain, std::string(domain));
  }
  door.watch(socket);
}

void ServerSockets::Sockets::prepare_live(const SocketOptions& options) {
  set_common(live, options, options.live_queue);
  // Pass on repeated subscriptions too: each asks for a heartbeat.
  live.set(zmq::sockopt::xpub_verbose, true);
  live.set(zmq::sockopt::maxmsgsize, std::int64_t{kSubscriptionLimit});
  prepare(live, options, kLiveDomain);
}

void ServerSockets::Sockets::prepare_requests(const SocketOptions& options) {
  set_common(requests, options, options.request_queue);
  requests.set(zmq::sockopt::maxmsgsize, std::int64_t{kRequestLimit});
  requests.set(zmq::sockopt::rcvhwm, options.waiting_requests);
  requests.set(zmq::sockopt::sndhwm, options.answer_queue);
  requests.set(zmq::sockopt::router_mandatory, true);
  prepare(requests, options, kRequestsDomain);
}

ServerSockets::ServerSockets(const Network& network, const Endpoint& endpoint,
                             const SocketOptions& options)
    : endpoint_(endpoint), options_(options) {
  try {
    sockets_ = std::make_unique<Sockets>(network);
    sockets_->prepare_live(options);
    sockets_->prepare_requests(options);
    bind_both(sockets_->live, sockets_->requests, endpoint_);
  } catch (const zmq::error_t& error) {
    throw TransportError(fmt::format("cannot listen on {}: {}", endpoint.live(), error.what()));
  }
}

ServerSockets::~ServerSockets() = default;

void ServerSockets::reopen_live() {
  auto& live = sockets_->live;
  try {
    sockets_->door.unwatch(live);
    live.close();
    live = zmq::socket_t(sockets_->context, zmq::socket_type::xpub);
    sockets_->prepare_live(options_);
    bind_again(live, endpoint_.live());
    sockets_->live_descriptor = live.get(zmq::sockopt::fd);
    sockets_->more_subscriptions = true;
  } catch (const zmq::error_t& error) {
    throw TransportError(
        fmt::format("cannot listen on {} anew: {}", endpoint_.live(), error.what()));
  }
}

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
      if (parts->count != 2) continue;
      if (const auto connection = connection_of(parts->second)) {
        sockets_->door.note_proven(*connection);
      }
      return Request{bytes_of(parts->first), bytes_of(parts->second), key_of(parts->second)};
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
      auto parts = receive_parts(sockets_->live);
      if (!parts) {
        sockets_->more_subscriptions = false;
        break;
      }
      if (const auto connection = connection_of(parts->first)) {
        sockets_->door.note_proven(*connection);
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
  std::string topic;
  Link live;
  Link requests;

  Sockets(const Network& network, const Endpoint& endpoint, std::string subscribed,
          const SocketOptions& options)
      : topic(std::move(subscribed)),
        live(network, zmq::socket_type::sub, endpoint.live(), endpoint.to_string(), true,
             [&](zmq::socket_t& socket) {
               set_common(socket, options, options.live_queue);
               socket.set(zmq::sockopt::subscribe, topic);
             }),
        requests(network, zmq::socket_type::dealer, endpoint.requests(), endpoint.to_string(), true,
                 [&](zmq::socket_t& socket) {
                   set_common(socket, options, options.request_queue);
                   // Nothing waits in a queue for a server that is not there: it would be stale
                   // when it comes.
                   socket.set(zmq::sockopt::immediate, true);
                 }) {}
};

ClientSockets::ClientSockets(const Network& network, const Endpoint& endpoint,
                             const std::optional<StreamId>& topic, const SocketOptions& options) {
  try {
    std::string prefix;
    if (topic) prefix.assign(topic->bytes.begin(), topic->bytes.end());
    sockets_ = std::make_unique<Sockets>(network, endpoint, std::move(prefix), options);
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
    return sockets_->requests.socket().send(body, zmq::send_flags::dontwait).has_value();
  });
}

std::optional<Bytes> ClientSockets::receive() {
  return guarded("receive an answer", [&]() -> std::optional<Bytes> {
    while (const auto parts = receive_parts(sockets_->requests.socket())) {
      if (parts->count == 1) return bytes_of(parts->first);
    }
    return std::nullopt;
  });
}

std::optional<Bytes> ClientSockets::receive_live() {
  return guarded("receive from the live stream", [&]() -> std::optional<Bytes> {
    while (const auto parts = receive_parts(sockets_->live.socket())) {
      if (parts->count == 2) return bytes_of(parts->second);
    }
    return std::nullopt;
  });
}

void ClientSockets::resubscribe() {
  guarded("subscribe", [&] {
    auto& live = sockets_->live.socket();
    live.set(zmq::sockopt::unsubscribe, sockets_->topic);
    live.set(zmq::sockopt::subscribe, sockets_->topic);
    return true;
  });
}

Ready ClientSockets::wait(int timeout_ms, Wake& wake) {
  sockets_->live.look();
  sockets_->requests.look();
  return wait_for({sockets_->live.socket().handle(), 0, ZMQ_POLLIN, 0}, sockets_->requests.socket(),
                  timeout_ms, wake);
}

// The requests first: without them there is nothing at all.
std::optional<LinkTrouble> ClientSockets::take_trouble() {
  auto trouble = sockets_->requests.take_trouble();
  return trouble ? trouble : sockets_->live.take_trouble();
}

}  // namespace understudy
