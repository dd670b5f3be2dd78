#include "common/security/security.h"

#include "common/core/assert.h"

#include <utility>

namespace understudy {

Security::Security(KeyPair own, PeerList peers)
    : own_(std::move(own)), peers_(std::make_shared<PeerList>(std::move(peers))) {}

std::shared_ptr<const PeerList> Security::peers() const {
  const std::lock_guard lock(mutex_);
  return peers_;
}

ListChange Security::replace(PeerList peers) {
  US_ASSERT(!is_open(), "an open node has no list");
  auto next = std::make_shared<const PeerList>(std::move(peers));
  ListChange change;
  {
    const std::lock_guard lock(mutex_);
    change = compare(*peers_, *next);
    peers_ = std::move(next);
  }
  ++version_;
  if (change.takes_away) ++withdrawals_;
  return change;
}

// --- whoever comes to us ---

std::optional<Denial> Security::judge_handshake(std::string_view key, Port port) const {
  const auto list = peers();
  const auto* peer = list->of_key(key);
  // This node may be among its own --peers, and finds out by asking itself.
  if (key == own_->public_key && port == Port::requests) return std::nullopt;
  if (peer == nullptr) return Denial::unknown_key;
  if (port == Port::live && !peer->may.has(Right::follow)) return Denial::no_live;
  return std::nullopt;
}

std::optional<Denial> Security::judge(std::string_view key, Right right) const {
  if (is_open()) return std::nullopt;
  const auto list = peers();
  const auto* peer = list->of_key(key);
  if (peer == nullptr) return Denial::key_withdrawn;
  if (peer->may.has(right)) return std::nullopt;
  return right == Right::command ? Denial::may_not_command : Denial::may_not_follow;
}

std::optional<Denial> Security::judge_name(std::string_view key, std::string_view node) const {
  if (is_open()) return std::nullopt;
  if (key == own_->public_key) return std::nullopt;
  const auto list = peers();
  const auto* peer = list->of_key(key);
  if (peer == nullptr) return Denial::key_withdrawn;
  if (peer->name != node) return Denial::other_name;
  return std::nullopt;
}

bool Security::is_heard(std::string_view key, std::string_view node) const {
  if (is_open() || key == own_->public_key) return true;
  const auto list = peers();
  const auto* peer = list->of_key(key);
  return peer != nullptr && peer->name == node && peer->may.has(Right::feed);
}

std::optional<std::string> Security::judge_own_name(std::string_view node) const {
  const auto list = peers();
  const auto* self = list->of_key(own_->public_key);
  if (self == nullptr || self->name == node) return std::nullopt;
  return self->name;
}

std::string Security::name_of(std::string_view key) const {
  const auto list = peers();
  const auto* peer = list->of_key(key);
  return peer == nullptr ? std::string(key) : peer->name;
}

// --- those whom we go to ---

std::optional<std::string> Security::key_at(std::string_view endpoint, bool to_be_fed) const {
  const auto list = peers();
  const auto* peer = list->at(endpoint);
  if (peer == nullptr || (to_be_fed && !peer->may.has(Right::feed))) return std::nullopt;
  return peer->key;
}

bool Security::is_heard_at(std::string_view endpoint, std::string_view node) const {
  if (is_open()) return true;
  const auto key = key_at(endpoint, false);
  return key && is_heard(*key, node);
}

}  // namespace understudy
