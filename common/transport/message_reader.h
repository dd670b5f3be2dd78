// Reader: MessagePack into a bounded list of tokens, tokens into fields. Bytes of foreign origin:
// bounded memory, no exception. Private to the room: the codec's (message.cpp).
#pragma once

#include "common/transport/message_fields.h"

#define MSGPACK_NO_BOOST
#include <cstring>
#include <limits>
#include <msgpack.hpp>

namespace understudy {

constexpr std::size_t kTokenLimit = kBatchesLimit + 64;
constexpr std::size_t kDepthLimit = 3;  // message, history, opening

struct Token {
  enum class Kind { nil, boolean, number, negative, text, bytes, array };
  Kind kind = Kind::nil;
  std::uint64_t number = 0;  // value, or size
  const char* data = nullptr;
};

// Refuses what no message holds (maps, floats, extensions), too many tokens, too much depth.
// Tokens point into the input; nothing is copied.
class Tokens : public msgpack::null_visitor {
 public:
  bool visit_nil() { return add({Token::Kind::nil, 0, nullptr}); }
  bool visit_boolean(bool value) { return add({Token::Kind::boolean, value ? 1u : 0u, nullptr}); }
  bool visit_positive_integer(std::uint64_t value) {
    return add({Token::Kind::number, value, nullptr});
  }
  bool visit_negative_integer(std::int64_t value) {
    return add({Token::Kind::negative, static_cast<std::uint64_t>(value), nullptr});
  }
  bool visit_float32(float) { return false; }
  bool visit_float64(double) { return false; }
  bool visit_str(const char* data, std::uint32_t size) {
    return add({Token::Kind::text, size, data});
  }
  bool visit_bin(const char* data, std::uint32_t size) {
    return add({Token::Kind::bytes, size, data});
  }
  bool visit_ext(const char*, std::uint32_t) { return false; }
  bool start_map(std::uint32_t) { return false; }
  bool start_array(std::uint32_t count) {
    return ++depth_ <= kDepthLimit && count <= kBatchesLimit &&
           add({Token::Kind::array, count, nullptr});
  }
  bool end_array() {
    --depth_;
    return true;
  }
  // Any error ends the parse; parse() answers false.
  void parse_error(std::size_t, std::size_t) {}
  void insufficient_bytes(std::size_t, std::size_t) {}

  [[nodiscard]] const std::vector<Token>& list() const { return list_; }

 private:
  bool add(const Token& token) {
    if (list_.size() == kTokenLimit) return false;
    list_.push_back(token);
    return true;
  }

  std::size_t depth_ = 0;
  std::vector<Token> list_;
};

// Takes fields off the tokens in order. One wrong kind or value spoils the whole (ok() is false).
class Reader {
 public:
  explicit Reader(const std::vector<Token>& tokens) : tokens_(tokens) {}

  template <typename... Fields>
  void operator()(Fields&... fields) {
    (take(fields), ...);
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return at_ == tokens_.size(); }

  std::size_t take_array() { return next(Token::Kind::array).number; }

  void take(std::uint64_t& value) { value = next(Token::Kind::number).number; }
  void take(std::uint32_t& value) {
    const auto wide = next(Token::Kind::number).number;
    require(wide <= std::numeric_limits<std::uint32_t>::max());
    value = static_cast<std::uint32_t>(wide);
  }
  void take(std::int64_t& value) {
    const bool negative = at_ < tokens_.size() && tokens_[at_].kind == Token::Kind::negative;
    const auto bits = next(negative ? Token::Kind::negative : Token::Kind::number).number;
    require(negative || bits <= std::numeric_limits<std::int64_t>::max());
    value = static_cast<std::int64_t>(bits);
  }
  void take(bool& value) { value = next(Token::Kind::boolean).number != 0; }
  void take(Verdict& value) { take_enum(value, kVerdictCount); }
  void take(StandbyState& value) { take_enum(value, kStandbyStateCount); }
  void take(RefusalCode& value) { take_enum(value, kRefusalCount); }
  void take(PeerRole& value) { take_enum(value, kPeerRoleCount); }
  void take(CommandKind& value) { take_enum(value, kCommandKindCount); }
  void take(std::string& text) {
    const auto& token = next(Token::Kind::text);
    require(token.number <= kTextLimit);
    if (ok_) text.assign(token.data, token.number);
  }
  void take(StreamId& id) {
    const auto& token = next(Token::Kind::bytes);
    require(token.number == id.bytes.size());
    if (ok_) std::memcpy(id.bytes.data(), token.data, id.bytes.size());
  }
  void take(Bytes& bytes) {
    const auto& token = next(Token::Kind::bytes);
    const auto* from = reinterpret_cast<const std::byte*>(token.data);
    if (ok_) bytes.assign(from, from + token.number);
  }
  void take(PartKey& key) {
    require(take_array() == 2);
    (*this)(key.seq, key.part);
  }
  void take(Position& position) {
    require(take_array() == 3);
    (*this)(position.epoch, position.seq, position.sum);
  }
  void take(std::optional<Position>& position) {
    if (at_ < tokens_.size() && tokens_[at_].kind == Token::Kind::nil) {
      ++at_;
      return;
    }
    take(position.emplace());
  }
  void take(std::vector<Bytes>& blobs) {
    const auto count = take_array();
    require(count <= kBatchesLimit);
    for (std::size_t i = 0; ok_ && i < count; ++i) take(blobs.emplace_back());
  }
  void take(EpochStart& m) { nested(m); }
  void take(PeerReport& m) { nested(m); }
  void take(History& history) {
    const auto count = take_array();
    require(count <= kHistoryLimit);
    for (std::size_t i = 0; ok_ && i < count; ++i) take(history.emplace_back());
  }
  template <typename T>
  void take(std::vector<T>& numbers) {
    const auto& token = next(Token::Kind::bytes);
    require(token.number % sizeof(T) == 0 && token.number / sizeof(T) <= kGroupPages);
    if (!ok_) return;
    numbers.resize(token.number / sizeof(T));
    if (token.number > 0) std::memcpy(numbers.data(), token.data, token.number);
  }

 private:
  const Token& next(Token::Kind kind) {
    static const Token none;
    require(at_ < tokens_.size() && tokens_[at_].kind == kind);
    return ok_ ? tokens_[at_++] : none;
  }
  void require(bool condition) { ok_ = ok_ && condition; }
  template <typename T>
  void nested(T& value) {
    require(take_array() == field_count<T>());
    if (ok_) fields(*this, value);
  }
  template <typename E>
  void take_enum(E& value, std::uint8_t count) {
    const auto number = next(Token::Kind::number).number;
    require(number < count);
    if (ok_) value = static_cast<E>(number);
  }

  const std::vector<Token>& tokens_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace understudy
