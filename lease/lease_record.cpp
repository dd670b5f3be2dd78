#include "lease/lease_record.h"

#include <nlohmann/json.hpp>

namespace understudy {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::uint64_t> parse_hex(const std::string& text) {
  if (text.empty() || text.size() > 16) return std::nullopt;
  std::size_t used = 0;
  if (text.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
  const auto value = std::stoull(text, &used, 16);
  return used == text.size() ? std::optional<std::uint64_t>(value) : std::nullopt;
}

// Reads members of an object; what has another type makes all of it wrong.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {}

  template <typename T>
  void take(const char* name, T& value) {
    const auto found = object_.find(name);
    if (found == object_.end()) return;
    try {
      value = found->get<T>();
    } catch (const Json::exception&) {
      is_sound_ = false;
    }
  }
  void take_hex(const char* name, std::uint64_t& value) {
    std::string text;
    take(name, text);
    const auto parsed = parse_hex(text);
    if (parsed) value = *parsed;
    is_sound_ = is_sound_ && parsed.has_value();
  }
  [[nodiscard]] bool is_sound() const { return is_sound_; }

 private:
  const Json& object_;
  bool is_sound_ = true;
};

std::optional<SyncRecord> take_sync(const Json& object) {
  if (!object.is_object()) return std::nullopt;
  SyncRecord sync;
  Members members(object);
  members.take("count", sync.count);
  members.take("members", sync.members);
  members.take("degraded", sync.is_degraded);
  members.take("acknowledged", sync.acknowledged);
  return members.is_sound() ? std::optional(sync) : std::nullopt;
}

}  // namespace

std::string to_json(const LeaderRecord& record) {
  Json json = {{"node", record.node},
               {"process", hex(record.process)},
               {"epoch", record.epoch},
               {"stream", record.stream.is_nil() ? std::string() : record.stream.to_string()},
               {"ttl_ms", record.ttl_ms},
               {"offered", record.is_offered},
               {"released", record.is_released},
               {"paused", record.is_paused},
               {"led_node", record.led_node},
               {"led_epoch", record.led_epoch},
               {"position_epoch", record.position_epoch},
               {"position_seq", record.position_seq},
               {"position_first", record.position_first},
               {"position_after", record.position_after},
               {"members", record.members},
               {"sync", nullptr},
               {"since", record.since},
               {"renewals", record.renewals}};
  if (record.sync) {
    json["sync"] = {{"count", record.sync->count},
                    {"members", record.sync->members},
                    {"degraded", record.sync->is_degraded},
                    {"acknowledged", record.sync->acknowledged}};
  }
  return dump(json);
}

std::optional<LeaderRecord> leader_record_from_json(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  LeaderRecord record;
  Members members(json);
  std::string stream;
  members.take("node", record.node);
  members.take_hex("process", record.process);
  members.take("epoch", record.epoch);
  members.take("stream", stream);
  members.take("ttl_ms", record.ttl_ms);
  members.take("offered", record.is_offered);
  members.take("released", record.is_released);
  members.take("paused", record.is_paused);
  members.take("led_node", record.led_node);
  members.take("led_epoch", record.led_epoch);
  members.take("position_epoch", record.position_epoch);
  members.take("position_seq", record.position_seq);
  members.take("position_first", record.position_first);
  members.take("position_after", record.position_after);
  members.take("members", record.members);
  members.take("since", record.since);
  members.take("renewals", record.renewals);
  if (const auto sync = json.find("sync"); sync != json.end() && !sync->is_null()) {
    record.sync = take_sync(*sync);
    if (!record.sync) return std::nullopt;
  }
  if (!stream.empty()) {
    const auto id = StreamId::parse(stream);
    if (!id) return std::nullopt;
    record.stream = *id;
  }
  if (!members.is_sound() || record.node.empty() || record.ttl_ms <= 0) return std::nullopt;
  return record;
}

std::string to_json(const MemberRecord& record) {
  return dump({{"node", record.node},
               {"process", hex(record.process)},
               {"endpoint", record.endpoint},
               {"role", record.role},
               {"state", record.state},
               {"epoch", record.epoch},
               {"seq", record.seq},
               {"applied", record.applied},
               {"refusal", record.refusal},
               {"nofailover", record.nofailover},
               {"noloadbalance", record.noloadbalance},
               {"priority", record.priority},
               {"beats", record.beats}});
}

std::optional<MemberRecord> member_record_from_json(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  MemberRecord record;
  Members members(json);
  members.take("node", record.node);
  members.take_hex("process", record.process);
  members.take("endpoint", record.endpoint);
  members.take("role", record.role);
  members.take("state", record.state);
  members.take("epoch", record.epoch);
  members.take("seq", record.seq);
  members.take("applied", record.applied);
  members.take("refusal", record.refusal);
  members.take("nofailover", record.nofailover);
  members.take("noloadbalance", record.noloadbalance);
  members.take("priority", record.priority);
  members.take("beats", record.beats);
  if (!members.is_sound() || record.node.empty()) return std::nullopt;
  return record;
}

}  // namespace understudy
