// Listener: the two ports of a node, bound. HeldListener: bound by one thread, for another to serve
// on.
//
// Question answered: when does an operator learn that a port is taken? At the start, before minutes
// of scanning, and before a role was decided. Until somebody serves, whoever connects is connected
// and waits for an answer.
#pragma once

#include "common/transport/sockets.h"

#include <memory>
#include <mutex>
#include <utility>

namespace understudy {

struct Listener {
  // Throws TransportError when a port is taken.
  explicit Listener(const Endpoint& endpoint, const SocketOptions& options = {},
                    std::shared_ptr<Security> security = nullptr)
      : network(std::move(security)), sockets(network, endpoint, options) {}

  Network network;  // ends after the sockets, and with it their ports are free
  ServerSockets sockets;
};

class HeldListener {
 public:
  // Binds at once; throws TransportError when a port is taken.
  explicit HeldListener(const Endpoint& endpoint, std::shared_ptr<Security> security = nullptr)
      : listener_(std::make_unique<Listener>(endpoint, SocketOptions{}, std::move(security))) {}

  // Whoever asks first gets it, and closes it; the others null: they bind anew. Any thread.
  [[nodiscard]] std::unique_ptr<Listener> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(listener_, nullptr);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace understudy
