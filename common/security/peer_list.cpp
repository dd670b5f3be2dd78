#include "common/security/peer_list.h"

#include <algorithm>

namespace understudy {
namespace {

constexpr std::string_view kZ85 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
constexpr std::size_t kKeyLength = 40;

const KnownPeer* of_name(const PeerList& list, std::string_view name) {
  const auto found = std::ranges::find(list.all(), name, &KnownPeer::name);
  return found == list.all().end() ? nullptr : &*found;
}

}  // namespace

std::string_view to_string(Right right) {
  switch (right) {
    case Right::follow:
      return "follow";
    case Right::feed:
      return "feed";
    case Right::command:
      return "command";
  }
  return "";
}

const KnownPeer* PeerList::of_key(std::string_view key) const {
  const auto found = std::ranges::find(peers_, key, &KnownPeer::key);
  return found == peers_.end() ? nullptr : &*found;
}

const KnownPeer* PeerList::at(std::string_view endpoint) const {
  if (endpoint.empty()) return nullptr;
  const auto found = std::ranges::find(peers_, endpoint, &KnownPeer::endpoint);
  return found == peers_.end() ? nullptr : &*found;
}

bool is_key_text(std::string_view text) {
  if (text.size() != kKeyLength) return false;
  for (std::size_t group = 0; group < kKeyLength; group += 5) {
    std::uint64_t value = 0;
    for (const char c : text.substr(group, 5)) {
      const auto digit = kZ85.find(c);
      if (digit == std::string_view::npos) return false;
      value = value * kZ85.size() + digit;
    }
    if (value > 0xFFFF'FFFF) return false;
  }
  return true;
}

ListChange compare(const PeerList& before, const PeerList& after) {
  ListChange change;
  for (const auto& peer : before.all()) {
    const auto* now = of_name(after, peer.name);
    if (now == nullptr) {
      change.removed.push_back(peer.name);
    } else if (*now != peer) {
      change.changed.push_back(peer.name);
    }
    const auto* same_key = after.of_key(peer.key);
    const bool keeps_all =
        same_key != nullptr && same_key->name == peer.name && same_key->may.include(peer.may);
    change.takes_away = change.takes_away || !keeps_all;
  }
  for (const auto& peer : after.all()) {
    if (of_name(before, peer.name) == nullptr) change.added.push_back(peer.name);
  }
  return change;
}

}  // namespace understudy
