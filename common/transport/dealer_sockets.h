// DealerSockets: one DEALER to each of several servers, waited for together.
//
// Invariants
//  - Nothing here blocks but wait(), and wait() ends at its timeout or on Wake.
//  - Nothing waits in a queue for a server that is not there: send() says so instead, and what was
//    under way when a connection ends is gone with it.
//  - A server that does not answer holds up nobody: bounded queues, LINGER 0, a limit on
//  connecting.
//
// One thread; see sockets.h for the rest.
#pragma once

#include "common/transport/sockets.h"

namespace understudy {

class DealerSockets {
 public:
  // Connects to the requests port of each, now or whenever it is there.
  DealerSockets(const Network& network, const std::vector<Endpoint>& servers,
                const SocketOptions& options = {});
  ~DealerSockets();

  // False: not connected, or its queue is full; nothing was sent.
  bool send(std::size_t server, ByteView payload);
  [[nodiscard]] std::optional<Bytes> receive(std::size_t server);
  // Until a message is there, one of the servers with `wanted[server]` can be sent to, the time is
  // over, or `wake`.
  void wait(int timeout_ms, Wake& wake, const std::vector<bool>& wanted);
  [[nodiscard]] std::size_t size() const;
  // Why there is no connection with that one.
  [[nodiscard]] std::optional<LinkTrouble> take_trouble(std::size_t server);

 private:
  struct Sockets;
  std::unique_ptr<Sockets> sockets_;
};

}  // namespace understudy
