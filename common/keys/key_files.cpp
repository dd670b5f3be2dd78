#include "common/keys/key_files.h"

#include "common/core/errors.h"
#include "common/keys/key_file.h"
#include "common/keys/peers_file.h"
#include "common/logging/log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace understudy {
namespace {

[[noreturn]] void refuse_endpoint(const Endpoint& endpoint, std::string_view why) {
  throw ConfigError(fmt::format("{}: {}", endpoint.to_string(), why));
}

}  // namespace

std::shared_ptr<Security> load_security(const KeyFiles& files) {
  if (files.own.empty() && files.peers.empty()) return std::make_shared<Security>();
  auto own = read_key_file(files.own);
  auto peers = read_peers_file(files.peers, own);
  return std::make_shared<Security>(std::move(own), std::move(peers));
}

bool reload_peers(const KeyFiles& files, Security& security) {
  if (security.is_open()) {
    log::info("peer_keys_kept", "this node has no --peer-keys to read again");
    return false;
  }
  try {
    const auto change = security.replace(read_peers_file(files.peers, security.own()));
    log::info("peer_keys_reloaded",
              change.takes_away
                  ? "the list of peers is another one; all who follow show their keys again"
                  : "the list of peers was read again",
              {{"peers", security.peers()->all().size()},
               {"added", fmt::format("{}", fmt::join(change.added, ","))},
               {"changed", fmt::format("{}", fmt::join(change.changed, ","))},
               {"removed", fmt::format("{}", fmt::join(change.removed, ","))}});
    return true;
  } catch (const Error& error) {
    log::error("peer_keys_rejected", error.what(),
               {{"so", "the former list stays: nobody was let in or shut out"}});
    return false;
  }
}

std::vector<Endpoint> feeders_among(const Security& security, const std::vector<Endpoint>& peers) {
  if (security.is_open()) return peers;
  std::vector<Endpoint> feeders;
  for (const auto& peer : peers) {
    if (security.key_at(peer.to_string(), true)) feeders.push_back(peer);
  }
  return feeders;
}

void check_security(const Security& security, const std::string& node,
                    const std::vector<Endpoint>& from, const std::vector<Endpoint>& peers) {
  if (security.is_open()) return;
  if (const auto denial = security.judge_own_name(node)) {
    throw ConfigError(fmt::format(
        "this node's key is that of {} in --peer-keys, but the node is called {}: others would "
        "refuse it. Give it --node {}, or correct the name there",
        *denial, node, *denial));
  }
  for (const auto& endpoint : peers) {
    if (security.key_at(endpoint.to_string(), false)) continue;
    refuse_endpoint(endpoint,
                    "no entry of --peer-keys has this endpoint, so that it is unknown which key "
                    "must answer there; add endpoint = \"…\" to the peer's entry");
  }
  for (const auto& endpoint : from) {
    if (security.key_at(endpoint.to_string(), true)) continue;
    const bool is_listed = security.key_at(endpoint.to_string(), false).has_value();
    refuse_endpoint(endpoint, is_listed
                                  ? "the peer there may not feed, by --peer-keys; records are "
                                    "taken from those only that have \"feed\" in may"
                                  : "no entry of --peer-keys has this endpoint, so that it is "
                                    "unknown which key must answer there");
  }
}

}  // namespace understudy
