// Nodes with keys, for tests with real sockets on loopback: who knows whom is said case by case.
#pragma once

#include "common/core/clock.h"
#include "common/transport/key_pair.h"
#include "common/transport/sockets.h"

#include <doctest/doctest.h>

#include <functional>

namespace understudy {

constexpr std::int64_t kPatience_us = 20'000'000;

inline StreamId some_stream() {
  StreamId id;
  id.bytes.fill(3);
  return id;
}

struct Party {
  std::string name;
  KeyPair keys = make_key_pair();

  [[nodiscard]] KnownPeer known(Rights may, const std::string& endpoint = "") const {
    return {name, keys.public_key, may, endpoint};
  }
  // Its Security, when it knows these.
  [[nodiscard]] std::shared_ptr<Security> with(std::vector<KnownPeer> peers) const {
    return std::make_shared<Security>(keys, PeerList(std::move(peers)));
  }
};

struct TestServer {
  std::shared_ptr<Security> security;
  Network network;
  ServerSockets sockets;
  Wake wake;

  explicit TestServer(std::shared_ptr<Security> shared)
      : security(std::move(shared)),
        network(security),
        sockets(network, Endpoint::parse("tcp://127.0.0.1:0")) {}

  [[nodiscard]] std::string endpoint() const { return sockets.endpoint().to_string(); }
  [[nodiscard]] std::uint64_t denied(Denial kind) const {
    return security->denials().counts()[static_cast<std::size_t>(kind)];
  }
  // Takes what comes and broadcasts, once.
  std::optional<ServerSockets::Request> turn() {
    sockets.wait(1, wake);
    static_cast<void>(sockets.take_subscriptions());
    sockets.broadcast(some_stream(), Bytes(10, std::byte{7}));
    return sockets.receive();
  }
};

struct TestClient {
  Network network;
  ClientSockets sockets;
  Wake wake;
  std::string trouble;
  int live = 0;

  TestClient(std::shared_ptr<Security> security, const TestServer& server)
      : network(std::move(security)), sockets(network, server.sockets.endpoint(), some_stream()) {}

  void turn() {
    sockets.wait(1, wake);
    while (sockets.receive_live()) ++live;
    if (const auto found = sockets.take_trouble()) trouble = found->text;
  }
};

// Both take turns until it is so.
inline void wait_until(TestServer& server, std::vector<TestClient*> clients,
                       const std::function<bool()>& reached) {
  const auto until_us = monotonic_time_us() + kPatience_us;
  while (!reached()) {
    REQUIRE(monotonic_time_us() < until_us);
    static_cast<void>(server.turn());
    for (auto* client : clients) client->turn();
  }
}

// As long as it takes an honest client, who begins now, to get ten live messages.
inline void let_pass(TestServer& server, std::vector<TestClient*> clients,
                     std::shared_ptr<Security> honest) {
  TestClient yardstick(std::move(honest), server);
  clients.push_back(&yardstick);
  wait_until(server, clients, [&] { return yardstick.live >= 10; });
}

}  // namespace understudy
