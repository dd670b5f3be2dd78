// A network that drops, duplicates, delays, reorders and parts; by connection and path.
//
// Each standby has one connection to one server: requests and answers (DEALER/ROUTER) and the live
// stream (SUB/XPUB). A new connection has a new identity; what was under way on the old one is
// lost, as with sockets that were closed.
#pragma once

#include "common/core/types.h"
#include "tests/simulation/events.h"

#include <vector>

namespace understudy::sim {

struct NetworkFaults {
  std::uint64_t drop = 0;  // all in a thousand messages
  std::uint64_t duplicate = 0;
  std::uint64_t reorder = 0;
  std::int64_t delay_us = 500;  // at most, beside reordering
};

class ServerPort {
 public:
  virtual ~ServerPort() = default;
  virtual void on_request(const Bytes& identity, const Bytes& payload) = 0;
  virtual void on_subscription() = 0;
};

class ClientPort {
 public:
  virtual ~ClientPort() = default;
  virtual void on_answer(const Bytes& payload) = 0;
  virtual void on_broadcast(const Bytes& payload) = 0;
};

class ToyNetwork {
 public:
  ToyNetwork(Events& events, Chance& chance) : events_(events), chance_(chance) {}

  // Both may be replaced by nullptr and back: the process is not running.
  void set_server(std::size_t server, ServerPort* port);
  void set_client(std::size_t client, ClientPort* port);

  void connect(std::size_t client, std::size_t server);
  void subscribe(std::size_t client);
  void request(std::size_t client, Bytes payload);
  // False: that connection is no more.
  bool answer(const Bytes& identity, Bytes payload);
  void broadcast(std::size_t server, const Bytes& payload);

  // --- faults ---
  NetworkFaults faults;
  std::function<bool(std::size_t client, std::size_t server)> is_parted;  // may be empty
  void cut(std::size_t client, bool requests, bool live);
  void heal(std::size_t client) { cut(client, false, false); }
  // The connection breaks and comes back by itself, as another one; subscription lost or not.
  void break_connection(std::size_t client);

 private:
  struct Connection {
    std::size_t server = 0;
    std::uint64_t identity = 0;  // 0: none
    bool subscribed = false;
    bool requests_cut = false;
    bool live_cut = false;
    std::int64_t latest_arrival[3] = {0, 0, 0};
    ClientPort* port = nullptr;
  };
  enum Path : std::size_t { up, down, live };

  Connection& at(std::size_t client);
  [[nodiscard]] ServerPort* server_at(std::size_t server) const;  // nullptr: not running
  void carry(std::size_t client, Path path, std::function<void()> arrive);

  Events& events_;
  Chance& chance_;
  std::vector<Connection> connections_;
  std::vector<ServerPort*> servers_;
  std::uint64_t next_identity_ = 1;
};

}  // namespace understudy::sim
