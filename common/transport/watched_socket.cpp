#include "common/transport/watched_socket.h"

#include "common/core/random_number.h"

namespace understudy {

WatchedSocket::WatchedSocket(const Network& network, zmq::socket_type type, int events)
    : events_(network.context().zmq, zmq::socket_type::pair), socket_(network.context().zmq, type) {
  // The pair is there before the first event, and has no limit: ZeroMQ's own thread would wait.
  const auto inside = fmt::format("inproc://events-{:x}", random_number());
  if (::zmq_socket_monitor(socket_.handle(), inside.c_str(), events) != 0) throw zmq::error_t();
  events_.set(zmq::sockopt::linger, 0);
  events_.set(zmq::sockopt::rcvhwm, 0);
  events_.connect(inside);
}

WatchedSocket::~WatchedSocket() {
  ::zmq_socket_monitor(socket_.handle(), nullptr, 0);
}

void WatchedSocket::demand_key(const std::string& of_server, const Security& own) {
  socket_.set(zmq::sockopt::curve_serverkey, of_server);
  socket_.set(zmq::sockopt::curve_publickey, own.own().public_key);
  socket_.set(zmq::sockopt::curve_secretkey, own.own().secret_key);
}

}  // namespace understudy
