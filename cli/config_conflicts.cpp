#include "cli/config_conflicts.h"

#include "common/node/state_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace understudy {
namespace {

namespace fs = std::filesystem;

// A thing of which there can be one: a file, or a port of an address.
struct Claim {
  TextPlace at;
  std::string key;       // whose value it comes from
  std::string database;  // of whom
  std::string path;      // for files; else empty
  std::string host;
  int port = 0;
};

std::string one_path(const std::string& path) {
  std::error_code unknown;
  const auto whole = fs::weakly_canonical(path, unknown);
  return unknown ? path : whole.string();
}

TextPlace place_of(const ConfiguredNode& node, const std::string& key) {
  const auto found = node.settings.find(key);
  return found == node.settings.end() ? node.at : found->second.at;
}

bool is_everywhere(const std::string& host) {
  return host == "*" || host == "0.0.0.0" || host == "[::]" || host == "::";
}

bool collide(const Claim& left, const Claim& right) {
  if (!left.path.empty() || !right.path.empty()) return left.path == right.path;
  return left.port == right.port &&
         (left.host == right.host || is_everywhere(left.host) || is_everywhere(right.host));
}

void claim_port(const ConfiguredNode& node, const std::string& key, const std::string& host,
                int port, std::vector<Claim>& claims) {
  if (port == 0) return;
  claims.push_back({place_of(node, key), key, node.command.options.node.database, {}, host, port});
}

// HOST:PORT; what it is not is told by whoever reads the option.
void claim_http(const ConfiguredNode& node, std::vector<Claim>& claims) {
  const auto found = node.settings.find("http");
  if (found == node.settings.end() || found->second.values.empty()) return;
  const auto& text = found->second.values.front();
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return;
  int port = 0;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  claim_port(node, "http", text.substr(0, colon), port, claims);
}

std::vector<Claim> claims_of(const ConfiguredNode& node) {
  const auto& options = node.command.options;
  const auto& database = options.node.database;
  const auto state = options.node.state_dir.empty() ? StateDirectory::default_path(database)
                                                    : options.node.state_dir;
  std::vector<Claim> claims{{place_of(node, "path"), "path", database, one_path(database), {}, 0},
                            {place_of(node, "state"), "state", database, one_path(state), {}, 0}};
  if (const auto& listen = options.follow.listen) {
    claim_port(node, "listen", listen->host, listen->port, claims);
    claim_port(node, "listen", listen->host, listen->port + 1, claims);
  }
  claim_http(node, claims);
  return claims;
}

std::string explain(const Claim& claim, const Claim& other) {
  if (!claim.path.empty()) {
    return fmt::format("{} {}: {} has it already (line {})", claim.key, claim.path, other.database,
                       other.at.line);
  }
  return fmt::format(
      "{}: port {} is wanted twice, {} of {} has it already (line {}); a node listens "
      "on the port that `listen` names and the next",
      claim.key, claim.port, other.key, other.database, other.at.line);
}

// Nodes of one cluster need names of their own: who led an epoch is known by its name.
bool are_one_in_cluster(const ConfiguredNode& node, const ConfiguredNode& other) {
  const auto& name = node.command.options.node.name;
  const auto& listen = other.command.options.follow.listen;
  const auto& peers = node.command.options.peers;
  return !name.empty() && name == other.command.options.node.name && listen &&
         std::ranges::find(peers, *listen) != peers.end();
}

std::optional<ConfigProblem> find_namesake(const ConfiguredNode& node,
                                           const std::vector<ConfiguredNode>& nodes) {
  for (const auto& other : nodes) {
    if (&other == &node || !are_one_in_cluster(node, other)) continue;
    return ConfigProblem{
        place_of(node, "node"),
        fmt::format("node {}: {} is of the same cluster and is called so too (line {})",
                    node.command.options.node.name, other.command.options.node.database,
                    other.at.line)};
  }
  return std::nullopt;
}

}  // namespace

std::vector<ConfigProblem> find_conflicts(const std::vector<ConfiguredNode>& nodes) {
  std::vector<Claim> taken;
  std::vector<ConfigProblem> problems;
  for (const auto& node : nodes) {
    if (auto namesake = find_namesake(node, nodes)) problems.push_back(std::move(*namesake));
    std::string told;  // one problem a key will do
    for (auto& claim : claims_of(node)) {
      const auto other =
          std::ranges::find_if(taken, [&](const auto& each) { return collide(claim, each); });
      if (other != taken.end() && told != claim.key) {
        problems.push_back({claim.at, explain(claim, *other)});
        told = claim.key;
      }
      taken.push_back(std::move(claim));
    }
  }
  return problems;
}

}  // namespace understudy
