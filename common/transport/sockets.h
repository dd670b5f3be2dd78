// The sockets of the protocol: ServerSockets (XPUB + ROUTER) and ClientSockets (SUB + DEALER), and
// Wake, by which another thread ends a wait(). ZeroMQ stays behind this header.
//
// Invariants
//  - Nothing here blocks but wait(), and wait() ends at its timeout or on Wake.
//  - Memory is bounded: high-water marks on every socket, a limit on every message, LINGER 0. What
//    does not fit is dropped, and the protocol notices: a hole in the live stream is fetched, an
//    answer that does not come is asked for again.
//
//  - With keys (Security of the Network) nothing is sent or taken unencrypted: a server lets in
//    whom the list of peers names, a client talks to nobody but who has the key on record there.
//
// A ServerSockets or ClientSockets belongs to one thread. Network and Wake are for all; a Network
// must outlive its sockets, and is made after any fork. Failures throw TransportError.
#pragma once

#include "common/core/types.h"
#include "common/security/security.h"
#include "common/transport/endpoint.h"

#include <memory>

namespace understudy {

// One ZeroMQ context with one I/O thread, and whom its sockets trust.
class Network {
 public:
  // Null: without keys.
  explicit Network(std::shared_ptr<Security> security = nullptr);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  struct Context;
  [[nodiscard]] Context& context() const { return *context_; }
  [[nodiscard]] const std::shared_ptr<Security>& security() const { return security_; }

 private:
  std::shared_ptr<Security> security_;
  std::unique_ptr<Context> context_;
};

// An eventfd: wake() from any thread makes the wait() of one other return. Wakes add up to one.
class Wake {
 public:
  Wake();
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  void wake();
  void clear();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

// Limits; all per connection.
struct SocketOptions {
  int live_queue = 256;       // broadcast messages, of at most 64 KiB
  int request_queue = 1024;   // what a standby asks and is answered; bounded by what it asks for
  int answer_queue = 8;       // what a server has under way, of up to 2 MiB each
  int waiting_requests = 64;  // what a server has not looked at yet, of at most kRequestLimit
  int backlog = 256;          // connections that the kernel keeps for a server; all together
  int heartbeat_ms = 1000;    // ZMTP ping on an idle connection; ×3 without an answer ends it
  int reconnect_ms = 50;      // first wait before a reconnect; doubles up to …
  int reconnect_max_ms = 500;
};

// Why there is no connection with a server.
struct LinkTrouble {
  std::string endpoint;
  std::string text;         // what it is, and what to do
  std::uint64_t times = 0;  // that it came since it was last told
};

struct Ready {
  bool live = false;      // a live message (client) or a new subscription (server)
  bool requests = false;  // a message on ROUTER or DEALER
  bool woken = false;     // cleared already
};

class ServerSockets {
 public:
  // Listens on both ports. Port 0 picks a pair of free ones; see endpoint().
  ServerSockets(const Network& network, const Endpoint& endpoint,
                const SocketOptions& options = {});
  ~ServerSockets();

  struct Request {
    Bytes identity;
    Bytes payload;
    std::string key;  // public, that it showed; empty: without keys
  };
  enum class Sent : std::uint8_t { sent, full, gone };

  // broadcast() and take_subscriptions() may be called by other threads than the one that has the
  // rest, one call at a time.
  //
  // To all who subscribed to the stream (or to everything). Drops for those who are too slow. True:
  // take_subscriptions() has to be asked, for a wait() under way will not say so; the next one
  // does.
  bool broadcast(const StreamId& topic, ByteView payload);
  [[nodiscard]] Sent send(ByteView identity, ByteView payload);
  [[nodiscard]] std::optional<Request> receive();
  // True: somebody subscribed since the last call. Before the first wait(), then whenever that says
  // so.
  [[nodiscard]] bool take_subscriptions();
  Ready wait(int timeout_ms, Wake& wake);
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  // Ends all connections of the live stream; who follows connects anew, and shows its key again.
  void reopen_live();

 private:
  struct Sockets;
  Endpoint endpoint_;
  SocketOptions options_;
  std::unique_ptr<Sockets> sockets_;
};

class ClientSockets {
 public:
  // Connects, now or whenever the other side is there; subscribes before anything is sent.
  ClientSockets(const Network& network, const Endpoint& endpoint,
                const std::optional<StreamId>& topic, const SocketOptions& options = {});
  ~ClientSockets();
  ClientSockets(ClientSockets&&) noexcept;
  ClientSockets& operator=(ClientSockets&&) noexcept;

  // False: not connected, or the queue is full; nothing was sent.
  bool send(ByteView payload);
  [[nodiscard]] std::optional<Bytes> receive();       // from the DEALER
  [[nodiscard]] std::optional<Bytes> receive_live();  // payload, without the topic
  void resubscribe();
  Ready wait(int timeout_ms, Wake& wake);
  [[nodiscard]] std::optional<LinkTrouble> take_trouble();

 private:
  struct Sockets;
  std::unique_ptr<Sockets> sockets_;
};

}  // namespace understudy
