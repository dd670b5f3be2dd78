#include "common/keys/peers_file.h"

#include "common/core/errors.h"
#include "common/core/node_name.h"
#include "common/keys/owned_file.h"
#include "common/keys/toml_text.h"
#include "common/transport/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace understudy {
namespace {

// One file, read from top to bottom.
class Reading {
 public:
  Reading(const TomlText& text, const KeyPair& own) : text_(text), own_(own) {}

  PeerList take_all() {
    for (const auto& [name, at, node] : text_.table().members) {
      if (name != "peer") {
        text_.refuse(at, fmt::format("there is no '{}' in a peers file, only [[peer]]", name));
      }
      if (node.kind != TomlNode::Kind::array) {
        text_.refuse(at, "peers are listed as [[peer]], with two brackets each");
      }
      for (const auto& entry : node.items) take_peer(entry);
    }
    if (peers_.empty()) text_.refuse("it names no [[peer]]: nobody could connect");
    return PeerList(std::move(peers_));
  }

 private:
  void take_peer(const TomlNode& entry) {
    if (entry.kind != TomlNode::Kind::table) {
      text_.refuse(entry.at, "peers are listed as [[peer]], with two brackets each");
    }
    KnownPeer peer;
    for (const auto& member : entry.members) take_field(member, peer);
    const auto& where = entry.at;
    if (peer.name.empty()) text_.refuse(where, "this peer has no name");
    if (peer.key.empty()) text_.refuse(where, fmt::format("{} has no key", peer.name));
    if (entry.find("may") == nullptr) {
      text_.refuse(where, fmt::format("{} has no rights: may = [\"follow\"] lets it read; further "
                                      "ones are \"feed\" and \"command\"",
                                      peer.name));
    }
    if (peer.may.has(Right::feed) && peer.endpoint.empty()) {
      text_.refuse(where,
                   fmt::format("{} may feed, but has no endpoint: whoever is to be given its "
                               "records must know which key answers where",
                               peer.name));
    }
    if (peers_.size() == kKnownPeers) {
      text_.refuse(where, fmt::format("more than {} peers", kKnownPeers));
    }
    note_once(names_, peer.name, "the name", entry.find("name")->value.at);
    note_once(keys_, peer.key, "the key", entry.find("key")->value.at);
    if (!peer.endpoint.empty()) {
      note_once(endpoints_, peer.endpoint, "the endpoint", entry.find("endpoint")->value.at);
    }
    peers_.push_back(std::move(peer));
  }

  void take_field(const TomlMember& member, KnownPeer& peer) {
    const auto& [name, at, node] = member;
    if (name == "name") {
      peer.name = text_.take_text(node, "name");
      if (!is_node_name(peer.name)) {
        text_.refuse(node.at, fmt::format("'{}' is no node's name: up to 64 of letters, "
                                          "digits, '.', '_' and '-'",
                                          peer.name));
      }
    } else if (name == "key") {
      peer.key = take_key(node);
    } else if (name == "may") {
      peer.may = take_rights(node);
    } else if (name == "endpoint") {
      peer.endpoint = take_endpoint(node);
    } else {
      text_.refuse(at, fmt::format("a peer has no '{}', only name, key, may and endpoint", name));
    }
  }

  std::string take_key(const TomlNode& node) const {
    const auto& key = text_.take_text(node, "key");
    if (!is_key_text(key)) {
      text_.refuse(node.at,
                   "this is no public key: 40 characters of Z85, as understudy keygen prints them");
    }
    if (key == own_.secret_key) {
      text_.refuse(node.at,
                   "this is the SECRET key of this node: whoever could read this file knows it. "
                   "Make a new one (understudy keygen), and list its public key");
    }
    return key;
  }

  Rights take_rights(const TomlNode& node) const {
    if (node.kind != TomlNode::Kind::array) {
      text_.refuse(node.at, "may is a list, such as [\"follow\"]");
    }
    if (node.items.empty()) {
      text_.refuse(node.at, "a peer that may do nothing: leave its entry out");
    }
    Rights rights;
    for (const auto& element : node.items) {
      const auto& word = text_.take_text(element, "a right");
      const auto* right = std::ranges::find(kRights, word, [](Right r) { return to_string(r); });
      if (right == kRights.end()) {
        text_.refuse(element.at,
                     fmt::format("there is no right '{}', only follow, feed and command", word));
      }
      if (rights.has(*right)) text_.refuse(element.at, fmt::format("{} twice", word));
      rights.add(*right);
    }
    return rights;
  }

  std::string take_endpoint(const TomlNode& node) const {
    const auto& text = text_.take_text(node, "endpoint");
    try {
      const auto endpoint = Endpoint::parse(text);
      if (endpoint.host == "*" || endpoint.port == 0) {
        text_.refuse(node.at, "an endpoint to connect with has a host and a port");
      }
      return endpoint.to_string();
    } catch (const ConfigError& error) {
      text_.refuse(node.at, error.what());
    }
  }

  using Places = std::map<std::string, TextPlace>;
  void note_once(Places& places, const std::string& value, std::string_view what,
                 const TextPlace& where) const {
    const auto [before, is_new] = places.try_emplace(value, where);
    if (is_new) return;
    text_.refuse(where, fmt::format("{} {} is that of the peer in line {} already", what, value,
                                    before->second.line));
  }

  const TomlText& text_;
  const KeyPair& own_;
  std::vector<KnownPeer> peers_;
  Places names_, keys_, endpoints_;
};

}  // namespace

PeerList parse_peers(std::string_view text, const std::string& path, const KeyPair& own) {
  const TomlText toml(text, path);
  return Reading(toml, own).take_all();
}

PeerList read_peers_file(const std::string& path, const KeyPair& own) {
  const auto text = read_owned_file(
      path, 0022, "can be written by others, who could let anybody in", "chmod go-w");
  return parse_peers(text, path, own);
}

}  // namespace understudy
