// The node itself, its ports and the other nodes.
#include "common/core/errors.h"
#include "common/node/control_client.h"
#include "common/node/identity.h"
#include "doctor/gather.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

namespace understudy::doctor {
namespace {

namespace fs = std::filesystem;

constexpr int kPatience_ms = 500;
constexpr std::chrono::milliseconds kHandshakePatience{3000};

void look_at_state(const Patient& patient, NodeFacts& facts) {
  const StateDirectory directory(patient.state_dir);
  try {
    const auto identity = load_identity(directory);
    if (!identity) return;
    facts.has_state = true;
    const auto database = database_path(directory, *identity);
    if (fs::weakly_canonical(database) != fs::weakly_canonical(patient.database)) {
      facts.other_database = database;
    }
  } catch (const Error& error) {
    facts.state_trouble = error.what();
  } catch (const fs::filesystem_error& error) {
    facts.state_trouble = error.what();
  }
}

// Ports on which somebody on this machine listens, as the kernel lists them.
std::set<int> listening_ports() {
  constexpr const char* kListening = "0A";
  std::set<int> ports;
  for (const auto* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream lines(table);
    std::string line;
    std::getline(lines, line);  // the head
    while (std::getline(lines, line)) {
      std::istringstream words(line);
      std::string number, local, remote, state;
      words >> number >> local >> remote >> state;
      const auto colon = local.rfind(':');
      if (state != kListening || colon == std::string::npos) continue;
      ports.insert(static_cast<int>(std::strtol(local.c_str() + colon + 1, nullptr, 16)));
    }
  }
  return ports;
}

// Empty: somebody answers there.
std::string try_address(const addrinfo& address) {
  const int socket =
      ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol);
  if (socket < 0) return std::strerror(errno);
  int code = ::connect(socket, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (code == EINPROGRESS) {
    pollfd waiting{socket, POLLOUT, 0};
    code = ETIMEDOUT;
    if (::poll(&waiting, 1, kPatience_ms) > 0) {
      socklen_t size = sizeof code;
      ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size);
    }
  }
  ::close(socket);
  return code == 0 ? std::string{} : std::strerror(code);
}

std::string try_port(const Endpoint& endpoint, int port) {
  auto host = endpoint.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (error != 0) return fmt::format("its name is not known ({})", ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  std::string trouble;
  for (const auto* address = found; address != nullptr; address = address->ai_next) {
    trouble = try_address(*address);
    if (trouble.empty()) return {};
  }
  return trouble;
}

// Whom the node is to reach: as it was told, and whom its list of peers has an endpoint of.
std::vector<Endpoint> whom_to_try(const Patient& patient, const NodeFacts& node,
                                  const Security& security) {
  auto all = patient.peers;
  if (all.empty() && node.status) {
    for (const auto& from : node.status->from) all.push_back(Endpoint::parse(from));
  }
  if (security.is_open()) return all;
  for (const auto& peer : security.peers()->all()) {
    if (peer.endpoint.empty() || peer.key == security.own().public_key) continue;
    const auto endpoint = Endpoint::parse(peer.endpoint);
    if (std::ranges::find(all, endpoint) == all.end()) all.push_back(endpoint);
  }
  return all;
}

PeerFacts look_at_peer(const Endpoint& peer, const Network* network) {
  PeerFacts facts{peer, try_port(peer, peer.port), try_port(peer, peer.port + 1)};
  if (network != nullptr && facts.live_error.empty() && facts.requests_error.empty()) {
    facts.trial = try_peer(*network, peer, kHandshakePatience);
  }
  return facts;
}

}  // namespace

NodeFacts gather_node(const Patient& patient) {
  NodeFacts facts;
  facts.state_dir = patient.state_dir;
  look_at_state(patient, facts);
  try {
    facts.status = ControlClient(StateDirectory(patient.state_dir).control_socket()).status();
  } catch (const Error& error) {
    facts.unanswered = error.what();
  }
  facts.asker = ::geteuid();
  struct stat process {};
  if (facts.status && ::stat(fmt::format("/proc/{}", facts.status->pid).c_str(), &process) == 0) {
    facts.runs_as = process.st_uid;
  } else {
    facts.runs_as = facts.asker;
  }
  return facts;
}

NetworkFacts gather_network(const Patient& patient, const NodeFacts& node) {
  NetworkFacts facts{.listen = patient.listen, .ports = {}, .peers = {}};
  std::optional<Endpoint> ours;
  if (node.status && !node.status->listen.empty()) ours = Endpoint::parse(node.status->listen);
  if (!facts.listen) facts.listen = ours;
  if (facts.listen) {
    const auto taken = listening_ports();
    for (const int port : {facts.listen->port + 0, facts.listen->port + 1}) {
      const bool is_ours = ours && (port == ours->port || port == ours->port + 1);
      facts.ports.push_back({port, taken.contains(port), is_ours});
    }
  }
  auto security = std::make_shared<Security>();
  try {
    security = load_security(patient.keys);
    if (!security->is_open()) facts.own_key = security->own().public_key;
  } catch (const Error& error) {
    facts.keys_trouble = error.what();
  }
  const Network network(security);
  for (const auto& peer : whom_to_try(patient, node, *security)) {
    if (facts.listen && peer == *facts.listen) continue;  // itself
    facts.peers.push_back(look_at_peer(peer, facts.keys_trouble.empty() ? &network : nullptr));
  }
  return facts;
}

}  // namespace understudy::doctor
