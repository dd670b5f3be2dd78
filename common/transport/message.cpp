#include "common/transport/message.h"

#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/record/page_hash.h"
#include "common/transport/message_reader.h"
#include "common/transport/message_writer.h"

#include <limits>

namespace understudy {
namespace {

// --- what a well-formed message may still not say ---

bool is_group(PageNo first, PageNo count) {
  return first >= 1 && count >= 1 && count <= kGroupPages &&
         first <= std::numeric_limits<PageNo>::max() - count;
}

template <typename M>
bool is_sound(const M&) {
  return true;
}
bool is_history(const History& history) {
  return history.empty() || is_sound(history);
}
bool is_report(const PeerReport& report) {
  return report.node.size() <= kNameLimit && report.followed.size() <= kNameLimit &&
         report.state.size() <= kNameLimit;
}
bool is_sound(const message::Hello& m) {
  return m.node.size() <= kNameLimit && is_history(m.history);
}
bool is_sound(const message::Probe& m) {
  return is_report(m.report);
}
bool is_sound(const message::ProbeReply& m) {
  return is_report(m.report);
}
bool is_sound(const message::Command& m) {
  return m.to.size() <= kNameLimit;
}
bool is_sound(const message::Welcome& m) {
  return m.node.size() <= kNameLimit && m.base.seq <= m.last.seq && is_history(m.history);
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
  if (type != M::kType || M::kType == message::OtherVersion::kType) return false;
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
        US_ASSERT(M::kType != message::OtherVersion::kType, "a foreign version is never sent");
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
  if (version > kProtocolVersion) return Message{message::OtherVersion{version}};
  std::uint32_t type = 0;
  reader(type);
  if (!whole || !reader.ok()) return std::nullopt;
  // How an older server says that it is one.
  if (version < kProtocolVersion && type != message::Refused::kType) {
    return Message{message::OtherVersion{version}};
  }
  return take_body(type, elements, reader, static_cast<const Message*>(nullptr));
}

std::uint64_t message::Batches::cost() const {
  std::uint64_t total = kMessageCost;
  for (const auto& blob : blobs) total += blob.size();
  return total;
}

std::string_view to_string(Verdict verdict) {
  constexpr std::array<std::string_view, kVerdictCount> kNames = {
      "connects",     "no_log",       "too_old",   "diverged", "ahead",
      "stale_server", "other_stream", "not_ready", "forked"};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::string_view to_string(StandbyState state) {
  constexpr std::array<std::string_view, kStandbyStateCount> kNames = {
      "connecting", "resyncing", "catching_up", "streaming", "stopped"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view to_string(PeerRole role) {
  constexpr std::array<std::string_view, kPeerRoleCount> kNames = {"none", "primary", "standby"};
  return kNames[static_cast<std::size_t>(role)];
}

}  // namespace understudy
