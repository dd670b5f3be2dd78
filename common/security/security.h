// Security: this node's keys, and the list of those whom it knows by theirs; what both decide. One
// object a process, shared by everything that opens a socket or is asked for something.
//
// Without keys it is open: nobody is asked who they are, and all may do all (loopback, or
// --insecure).
//
// Invariant: a decision is by the list as it is now, never by one that was replaced.
// Any thread.
#pragma once

#include "common/security/denials.h"
#include "common/security/peer_list.h"

#include <memory>
#include <optional>

namespace understudy {

struct KeyPair {
  std::string public_key;
  std::string secret_key;
};

// Ports of a node: what a handshake is for.
enum class Port : std::uint8_t { live, requests };

class Security {
 public:
  Security() = default;  // open
  Security(KeyPair own, PeerList peers);

  [[nodiscard]] bool is_open() const { return !own_; }
  [[nodiscard]] const KeyPair& own() const { return *own_; }  // not when open
  [[nodiscard]] std::shared_ptr<const PeerList> peers() const;

  // Decides by `peers` from now on. Not when open.
  ListChange replace(PeerList peers);
  // Rises with each replace(): connections to others are to be looked at again.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  // Rises when somebody may do less than before: who is connected is to show the key again.
  [[nodiscard]] std::uint64_t withdrawals() const { return withdrawals_; }

  // --- whoever comes to us ---

  // May this key enter that port? nullopt: yes. (Not when open.)
  [[nodiscard]] std::optional<Denial> judge_handshake(std::string_view key, Port port) const;
  // May whoever showed this key (empty: none was asked for) do that? nullopt: yes.
  [[nodiscard]] std::optional<Denial> judge(std::string_view key, Right right) const;
  // Is it the node that it says it is? nullopt: yes.
  [[nodiscard]] std::optional<Denial> judge_name(std::string_view key, std::string_view node) const;
  // Does what it says of epochs and of who leads count here? A node that may not lead has no say.
  [[nodiscard]] bool is_heard(std::string_view key, std::string_view node) const;
  // By the list; the name that its own key has there, when that is another one than `node`.
  [[nodiscard]] std::optional<std::string> judge_own_name(std::string_view node) const;
  // Its name, for people; when it has none, the key itself.
  [[nodiscard]] std::string name_of(std::string_view key) const;

  // --- those whom we go to ---

  // The key that whoever serves there must have; nullopt: nobody of the list does, or this node
  // is to be given records there by a peer that may not feed. (Not when open.)
  [[nodiscard]] std::optional<std::string> key_at(std::string_view endpoint, bool to_be_fed) const;
  // As is_heard(), of whoever serves there.
  [[nodiscard]] bool is_heard_at(std::string_view endpoint, std::string_view node) const;

  [[nodiscard]] Denials& denials() const { return denials_; }

 private:
  std::optional<KeyPair> own_;
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::uint64_t> withdrawals_{0};
  mutable Denials denials_;
  mutable std::mutex mutex_;
  std::shared_ptr<const PeerList> peers_ = std::make_shared<PeerList>();  // guarded by mutex_
};

}  // namespace understudy
