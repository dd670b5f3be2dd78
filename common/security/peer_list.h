// PeerList: the nodes that are known by their public keys, and what each may do. A value; any
// thread.
//
// Keys are in their text form throughout: Z85, 40 characters, as ZeroMQ writes them. One key has
// one such text, so that texts may be compared.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

enum class Right : std::uint8_t {
  follow = 1,   // read the stream, and ask for records and pages
  feed = 2,     // have its records taken, and its word on who leads: a node that may be primary
  command = 4,  // switchover and take_over
};
constexpr std::array<Right, 3> kRights = {Right::follow, Right::feed, Right::command};
[[nodiscard]] std::string_view to_string(Right right);

class Rights {
 public:
  Rights() = default;
  Rights(std::initializer_list<Right> rights) {
    for (const auto right : rights) add(right);
  }
  void add(Right right) { bits_ |= static_cast<std::uint8_t>(right); }
  [[nodiscard]] bool has(Right right) const {
    return (bits_ & static_cast<std::uint8_t>(right)) != 0;
  }
  // Has all that `other` has.
  [[nodiscard]] bool include(const Rights& other) const {
    return (bits_ & other.bits_) == other.bits_;
  }
  bool operator==(const Rights&) const = default;

 private:
  std::uint8_t bits_ = 0;
};

struct KnownPeer {
  std::string name;  // of the node: it must call itself so
  std::string key;   // public
  Rights may;
  std::string endpoint;  // where it serves, as Endpoint writes it; empty: nobody connects to it
  bool operator==(const KnownPeer&) const = default;
};

class PeerList {
 public:
  PeerList() = default;
  // Names, keys and endpoints are distinct each.
  explicit PeerList(std::vector<KnownPeer> peers) : peers_(std::move(peers)) {}

  // Null: nobody.
  [[nodiscard]] const KnownPeer* of_key(std::string_view key) const;
  [[nodiscard]] const KnownPeer* at(std::string_view endpoint) const;
  [[nodiscard]] const std::vector<KnownPeer>& all() const { return peers_; }
  bool operator==(const PeerList&) const = default;

 private:
  std::vector<KnownPeer> peers_;  // few: at most kKnownPeers
};

constexpr std::size_t kKnownPeers = 1000;
// Is it written as a key is? Pure: whether somebody has it is another question.
[[nodiscard]] bool is_key_text(std::string_view text);

// What a new list changes.
struct ListChange {
  std::vector<std::string> added, removed, changed;  // names
  // Somebody who may connect by the former list may do less by the new one, or nothing at all.
  bool takes_away = false;
};
[[nodiscard]] ListChange compare(const PeerList& before, const PeerList& after);

}  // namespace understudy
