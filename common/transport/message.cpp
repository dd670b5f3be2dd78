#include "common/transport/message.h"

#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/record/page_hash.h"

#define MSGPACK_NO_BOOST
#include <limits>
#include <msgpack.hpp>

namespace understudy {
namespace {

constexpr std::size_t kTokenLimit = kBatchesLimit + 64;
constexpr std::size_t kDepthLimit = 2;

// --- writing ---

struct ByteSink {
  Bytes& out;
  void write(const char* data, std::size_t size) {
    const auto* from = reinterpret_cast<const std::byte*>(data);
    out.insert(out.end(), from, from + size);
  }
};

// Packs each field that it is given. The overloads mirror those of Reader.
class Writer {
 public:
  explicit Writer(Bytes& out) : sink_{out}, packer_(sink_) {}

  template <typename... Fields>
  void operator()(const Fields&... fields) {
    (put(fields), ...);
  }
  void begin_array(std::size_t count) { packer_.pack_array(static_cast<std::uint32_t>(count)); }

  void put(std::uint64_t value) { packer_.pack_uint64(value); }
  void put(std::uint32_t value) { packer_.pack_uint32(value); }
  void put(std::int64_t value) { packer_.pack_int64(value); }
  void put(bool value) { value ? packer_.pack_true() : packer_.pack_false(); }
  void put(Verdict value) { put(static_cast<std::uint32_t>(value)); }
  void put(StandbyState value) { put(static_cast<std::uint32_t>(value)); }
  void put(RefusalCode value) { put(static_cast<std::uint32_t>(value)); }
  void put(const std::string& text) {
    packer_.pack_str(static_cast<std::uint32_t>(text.size()));
    packer_.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
  }
  void put(const StreamId& id) { put_bytes(id.bytes.data(), id.bytes.size()); }
  void put(const Bytes& bytes) { put_bytes(bytes.data(), bytes.size()); }
  void put(const PartKey& key) {
    begin_array(2);
    (*this)(key.seq, key.part);
  }
  void put(const Position& position) {
    begin_array(3);
    (*this)(position.epoch, position.seq, position.sum);
  }
  void put(const std::optional<Position>& position) {
    position ? put(*position) : static_cast<void>(packer_.pack_nil());
  }
  void put(const std::vector<Bytes>& blobs) {
    begin_array(blobs.size());
    for (const auto& blob : blobs) put(blob);
  }
  // Integers in a row: little-endian, in one byte string (Writer and file formats alike run on
  // little-endian machines only, see byte_order.h).
  template <typename T>
  void put(const std::vector<T>& numbers) {
    put_bytes(numbers.data(), numbers.size() * sizeof(T));
  }

 private:
  void put_bytes(const void* data, std::size_t size) {
    packer_.pack_bin(static_cast<std::uint32_t>(size));
    packer_.pack_bin_body(static_cast<const char*>(data), static_cast<std::uint32_t>(size));
  }

  ByteSink sink_;
  msgpack::packer<ByteSink> packer_;
};

// --- reading: MessagePack into a bounded list of tokens, tokens into fields ---

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

// --- the fields of each message, in order: the one list that both directions use ---

#define US_FIELDS(NAME, ...)                  \
  template <typename A>                       \
  void fields(A& a, message::NAME& m) {       \
    a(__VA_ARGS__);                           \
  }                                           \
  template <typename A>                       \
  void fields(A& a, const message::NAME& m) { \
    a(__VA_ARGS__);                           \
  }
US_FIELDS(Hello, m.hello_id, m.node, m.stream, m.position)
US_FIELDS(Fetch, m.fetch_id, m.from, m.credit)
US_FIELDS(Credit, m.fetch_id, m.more)
US_FIELDS(Ack, m.received, m.durable, m.applied, m.state)
US_FIELDS(PagesRequest, m.request_id, m.first, m.count, m.known)
US_FIELDS(Welcome, m.hello_id, m.node, m.stream, m.instance, m.verdict, m.base, m.last, m.next)
US_FIELDS(Batches, m.fetch_id, m.blobs)
US_FIELDS(FetchEnd, m.fetch_id, m.next)
US_FIELDS(Outline, m.available, m.position, m.page_size, m.page_count)
US_FIELDS(Pages, m.request_id, m.available, m.as_of, m.page_size, m.page_count, m.first, m.count,
          m.pages, m.contents)
US_FIELDS(Pong, m.last)
US_FIELDS(Refused, m.code, m.text)
US_FIELDS(LiveBatch, m.blob)
US_FIELDS(Heartbeat, m.stream, m.instance, m.last, m.next, m.time_us)
#undef US_FIELDS
template <typename A>
void fields(A&, const message::OutlineRequest&) {}
template <typename A>
void fields(A&, const message::Ping&) {}
template <typename A>
void fields(A&, const message::Newer&) {}

struct Count {
  std::size_t fields = 0;
  template <typename... Fields>
  void operator()(const Fields&...) {
    fields = sizeof...(Fields);
  }
};

template <typename M>
std::size_t field_count() {
  Count count;
  const M message;
  fields(count, message);
  return count.fields;
}

// --- what a well-formed message may still not say ---

bool is_group(PageNo first, PageNo count) {
  return first >= 1 && count >= 1 && count <= kGroupPages &&
         first <= std::numeric_limits<PageNo>::max() - count;
}

template <typename M>
bool is_sound(const M&) {
  return true;
}
bool is_sound(const message::Hello& m) {
  return m.node.size() <= kNameLimit;
}
bool is_sound(const message::Welcome& m) {
  return m.node.size() <= kNameLimit && m.base.seq <= m.last.seq;
}
bool is_sound(const message::PagesRequest& m) {
  return is_group(m.first, m.count) && m.known.size() <= m.count;
}
bool is_sound(const message::Batches& m) {
  return !m.blobs.empty();
}
bool is_sound(const message::Outline& m) {
  return !m.available || is_page_size(m.page_size);
}
bool is_sound(const message::LiveBatch& m) {
  return m.blob.size() <= kLiveLimit;
}
bool is_sound(const message::Pages& m) {
  if (!m.available) return m.pages.empty() && m.contents.empty();
  if (!is_page_size(m.page_size) || !is_group(m.first, m.count)) return false;
  if (m.contents.size() != m.pages.size() * std::size_t{m.page_size}) return false;
  PageNo least = m.first;
  for (const PageNo page : m.pages) {
    if (page < least || page >= m.first + m.count) return false;
    least = page + 1;
  }
  return true;
}

template <typename M>
bool try_type(std::uint32_t type, std::size_t elements, Reader& reader,
              std::optional<Message>& out) {
  if (type != M::kType || M::kType == message::Newer::kType) return false;
  M message;
  fields(reader, message);
  const bool complete = elements == 2 + field_count<M>() && reader.ok() && reader.at_end();
  if (complete && is_sound(message)) out.emplace(std::move(message));
  return true;
}

template <typename... Ms>
std::optional<Message> take_body(std::uint32_t type, std::size_t elements, Reader& reader,
                                 const std::variant<Ms...>*) {
  std::optional<Message> out;
  static_cast<void>((try_type<Ms>(type, elements, reader, out) || ...));
  return out;
}

}  // namespace

Bytes encode_message(const Message& message) {
  Bytes out;
  Writer writer(out);
  std::visit(
      [&]<typename M>(const M& m) {
        US_ASSERT(M::kType != message::Newer::kType, "a foreign version is never sent");
        if constexpr (std::is_same_v<M, message::Pages>) out.reserve(m.contents.size() + 256);
        if constexpr (std::is_same_v<M, message::LiveBatch>) out.reserve(m.blob.size() + 32);
        if constexpr (std::is_same_v<M, message::Batches>) out.reserve(m.cost());
        writer.begin_array(2 + field_count<M>());
        writer(kProtocolVersion, M::kType);
        fields(writer, m);
      },
      message);
  return out;
}

std::optional<Message> decode_message(ByteView bytes) {
  if (bytes.empty() || bytes.size() > kMessageLimit) return std::nullopt;
  Tokens tokens;
  std::size_t used = 0;
  const auto* data = reinterpret_cast<const char*>(bytes.data());
  const bool whole = msgpack::parse(data, bytes.size(), used, tokens) && used == bytes.size();

  // The version comes first and can be read even where the rest is beyond this version's limits.
  Reader reader(tokens.list());
  const auto elements = reader.take_array();
  std::uint32_t version = 0;
  reader(version);
  if (!reader.ok() || version == 0) return std::nullopt;
  if (version > kProtocolVersion) return Message{message::Newer{version}};
  std::uint32_t type = 0;
  reader(type);
  if (!whole || !reader.ok()) return std::nullopt;
  return take_body(type, elements, reader, static_cast<const Message*>(nullptr));
}

std::uint64_t message::Batches::cost() const {
  std::uint64_t total = kMessageCost;
  for (const auto& blob : blobs) total += blob.size();
  return total;
}

std::string_view to_string(Verdict verdict) {
  constexpr std::array<std::string_view, kVerdictCount> kNames = {
      "connects", "no_log",       "too_old",      "diverged",
      "ahead",    "stale_server", "other_stream", "not_ready"};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::string_view to_string(StandbyState state) {
  constexpr std::array<std::string_view, kStandbyStateCount> kNames = {
      "connecting", "resyncing", "catching_up", "streaming", "stopped"};
  return kNames[static_cast<std::size_t>(state)];
}

}  // namespace understudy
