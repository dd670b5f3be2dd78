#include "common/transport/dealer_sockets.h"

#include "common/core/assert.h"
#include "common/transport/link.h"

namespace understudy {

using namespace zmq_calls;

struct DealerSockets::Sockets {
  std::vector<std::unique_ptr<Link>> dealers;
  std::vector<zmq::pollitem_t> items;  // of the dealers, and the Wake behind them
};

DealerSockets::DealerSockets(const Network& network, const std::vector<Endpoint>& servers,
                             const SocketOptions& options)
    : sockets_(std::make_unique<Sockets>()) {
  const auto prepare = [&options](zmq::socket_t& socket) {
    set_common(socket, options, options.request_queue);
    socket.set(zmq::sockopt::immediate, true);
    // The kernel alone would try for two minutes to reach a machine that is off, with ever longer
    // pauses, and not notice when it is back.
    socket.set(zmq::sockopt::connect_timeout, 3 * options.heartbeat_ms);
  };
  for (const auto& server : servers) {
    try {
      sockets_->dealers.push_back(std::make_unique<Link>(network, zmq::socket_type::dealer,
                                                         server.requests(), server.to_string(),
                                                         false, prepare));
    } catch (const zmq::error_t& error) {
      throw TransportError(fmt::format("cannot connect to {}: {}", server.live(), error.what()));
    }
    sockets_->items.push_back({sockets_->dealers.back()->socket().handle(), 0, ZMQ_POLLIN, 0});
  }
  sockets_->items.push_back({nullptr, -1, ZMQ_POLLIN, 0});
}

DealerSockets::~DealerSockets() = default;

std::size_t DealerSockets::size() const {
  return sockets_->dealers.size();
}

bool DealerSockets::send(std::size_t server, ByteView payload) {
  return guarded("send a request", [&]() -> bool {
    const auto body = zmq::buffer(payload.data(), payload.size());
    return sockets_->dealers[server]->socket().send(body, zmq::send_flags::dontwait).has_value();
  });
}

std::optional<Bytes> DealerSockets::receive(std::size_t server) {
  return guarded("receive an answer", [&]() -> std::optional<Bytes> {
    while (const auto parts = receive_parts(sockets_->dealers[server]->socket())) {
      if (parts->count == 1) return bytes_of(parts->first);
    }
    return std::nullopt;
  });
}

void DealerSockets::wait(int timeout_ms, Wake& wake, const std::vector<bool>& wanted) {
  US_ASSERT(wanted.size() == size(), "each server is either wanted or not");
  for (auto& dealer : sockets_->dealers) dealer->look();
  auto& items = sockets_->items;
  for (std::size_t i = 0; i < size(); ++i) {
    items[i].events = static_cast<short>(wanted[i] ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
  }
  items.back().fd = wake.fd();
  guarded("poll sockets", [&] {
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(timeout_ms));
    return true;
  });
  if ((items.back().revents & ZMQ_POLLIN) != 0) wake.clear();
}

std::optional<LinkTrouble> DealerSockets::take_trouble(std::size_t server) {
  return sockets_->dealers[server]->take_trouble();
}

}  // namespace understudy
