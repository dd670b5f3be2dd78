#include "tests/simulation/toy_network.h"

#include "common/core/byte_order.h"

#include <algorithm>

namespace understudy::sim {
namespace {

// Identities name the client, so that an answer finds its way.
Bytes identity_bytes(std::size_t client, std::uint64_t identity) {
  Bytes bytes(16);
  store_le<std::uint64_t>(bytes.data(), client);
  store_le<std::uint64_t>(bytes.data() + 8, identity);
  return bytes;
}

}  // namespace

ToyNetwork::Connection& ToyNetwork::at(std::size_t client) {
  if (client >= connections_.size()) connections_.resize(client + 1);
  return connections_[client];
}

ServerPort* ToyNetwork::server_at(std::size_t server) const {
  return server < servers_.size() ? servers_[server] : nullptr;
}

void ToyNetwork::set_server(std::size_t server, ServerPort* port) {
  if (server >= servers_.size()) servers_.resize(server + 1);
  servers_[server] = port;
  // Connections to a process that ended are broken; new ones come when it is back.
  for (std::size_t client = 0; client < connections_.size(); ++client) {
    if (connections_[client].server == server) break_connection(client);
  }
}

void ToyNetwork::set_client(std::size_t client, ClientPort* port) {
  at(client).port = port;
  at(client).identity = 0;
}

void ToyNetwork::connect(std::size_t client, std::size_t server) {
  auto& connection = at(client);
  connection.server = server;
  connection.identity = next_identity_++;
  connection.subscribed = false;
  subscribe(client);
}

void ToyNetwork::subscribe(std::size_t client) {
  if (chance_.in_thousand(faults.drop)) return;  // the SUBSCRIBE is lost
  const auto identity = at(client).identity;
  carry(client, up, [this, client, identity] {
    auto& connection = at(client);
    if (connection.identity != identity) return;
    connection.subscribed = true;
    if (auto* server = server_at(connection.server)) server->on_subscription();
  });
}

void ToyNetwork::break_connection(std::size_t client) {
  auto& connection = at(client);
  if (connection.identity == 0) return;
  connection.identity = next_identity_++;
  if (chance_.in_thousand(faults.drop)) connection.subscribed = false;
}

void ToyNetwork::cut(std::size_t client, bool requests, bool live_too) {
  at(client).requests_cut = requests;
  at(client).live_cut = live_too;
}

void ToyNetwork::carry(std::size_t client, Path path, std::function<void()> arrive) {
  auto& connection = at(client);
  if (is_parted && is_parted(client, connection.server)) return;
  if (path == live ? connection.live_cut : connection.requests_cut) return;
  if (chance_.in_thousand(faults.drop)) return;
  const int copies = chance_.in_thousand(faults.duplicate) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    auto arrival = events_.now() + chance_.between(20, faults.delay_us);
    if (chance_.in_thousand(faults.reorder)) {
      arrival += chance_.between(0, 20 * faults.delay_us);
    } else {
      arrival = std::max(arrival, connection.latest_arrival[path]);
      connection.latest_arrival[path] = arrival;
    }
    events_.in(arrival - events_.now(), arrive);
  }
}

void ToyNetwork::request(std::size_t client, Bytes payload) {
  const auto identity = at(client).identity;
  if (identity == 0 || !server_at(at(client).server)) return;
  carry(client, up, [this, client, identity, payload = std::move(payload)] {
    const auto& connection = at(client);
    auto* server = server_at(connection.server);
    if (connection.identity != identity || !server) return;
    server->on_request(identity_bytes(client, identity), payload);
  });
}

bool ToyNetwork::answer(const Bytes& identity, Bytes payload) {
  const auto client = load_le<std::uint64_t>(identity.data());
  const auto number = load_le<std::uint64_t>(identity.data() + 8);
  if (at(client).identity != number) return false;
  carry(client, down, [this, client, number, payload = std::move(payload)] {
    const auto& connection = at(client);
    if (connection.identity == number && connection.port) connection.port->on_answer(payload);
  });
  return true;
}

void ToyNetwork::broadcast(std::size_t server, const Bytes& payload) {
  for (std::size_t client = 0; client < connections_.size(); ++client) {
    const auto& connection = connections_[client];
    if (connection.identity == 0 || connection.server != server || !connection.subscribed) continue;
    const auto identity = connection.identity;
    carry(client, live, [this, client, identity, payload] {
      const auto& now = at(client);
      if (now.identity == identity && now.port) now.port->on_broadcast(payload);
    });
  }
}

}  // namespace understudy::sim
