#include "lease/etcd_store.h"

#include "common/core/clock.h"
#include "lease/base64.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace understudy {
namespace {

using Json = nlohmann::json;

// The gateway writes 64-bit numbers as text, and leaves out what is zero.
std::int64_t number_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return 0;
  if (found->is_number_integer()) return found->get<std::int64_t>();
  if (!found->is_string()) return 0;
  const auto& text = found->get_ref<const std::string&>();
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct KeyValue {
  std::string key, value;
  std::int64_t revision = 0;
};

[[noreturn]] void refuse(const std::string& body) {
  throw StoreUnreachable("etcd answers what cannot be understood: " + body.substr(0, 200));
}

// JSON of another shape than etcd's, from something else that listens there.
template <typename F>
auto understood(F read) {
  try {
    return read();
  } catch (const Json::exception& error) {
    refuse(error.what());
  }
}

Json parse(const std::string& body) {
  auto json = Json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("header")) refuse(body);
  return json;
}

std::vector<KeyValue> key_values(const Json& range) {
  std::vector<KeyValue> list;
  const auto found = range.find("kvs");
  if (found == range.end() || !found->is_array()) return list;
  for (const auto& entry : *found) {
    const auto key = from_base64(entry.value("key", std::string()));
    const auto value = from_base64(entry.value("value", std::string()));
    if (!key || !value) refuse(entry.dump());
    list.push_back({*key, *value, number_of(entry, "mod_revision")});
  }
  return list;
}

Versioned<LeaderRecord> leader_of(const KeyValue& entry) {
  auto record = leader_record_from_json(entry.value);
  if (!record) {
    throw StoreUnreachable(
        fmt::format("{} holds no record of this program; give another --lease-prefix, or remove it",
                    entry.key));
  }
  return {std::move(*record), entry.revision};
}

SwapOutcome outcome_of(const Json& answer) {
  const auto revision = number_of(answer["header"], "revision");
  if (answer.value("succeeded", false)) return Swapped{revision};
  NotSwapped refused{revision, {}};
  const auto responses = answer.value("responses", Json::array());
  for (const auto& response : responses) {
    const auto range = response.find("response_range");
    if (range == response.end()) continue;
    for (const auto& entry : key_values(*range)) refused.leader = leader_of(entry);
  }
  return refused;
}

}  // namespace

EtcdStore::EtcdStore(EtcdOptions options) : prefix_(options.prefix), gateway_(std::move(options)) {}

LeaseView EtcdStore::observe() {
  // All keys under the prefix: '0' follows '/'.
  const Json asked = {{"key", to_base64(prefix_ + "/")}, {"range_end", to_base64(prefix_ + "0")}};
  auto answer = parse(gateway_.ask("/v3/kv/range", asked.dump()));
  LeaseView view;
  view.revision = number_of(answer["header"], "revision");
  const auto members = member_key("");
  for (const auto& entry : understood([&] { return key_values(answer); })) {
    if (entry.key == leader_key()) view.leader = leader_of(entry);
    if (entry.key == pause_key()) view.is_paused = true;
    if (!entry.key.starts_with(members)) continue;
    auto member = member_record_from_json(entry.value);
    if (member && member_key(member->node) == entry.key) {
      view.members.push_back({std::move(*member), entry.revision});
    }
  }
  return view;
}

SwapOutcome EtcdStore::swap(const LeaderRecord& record, std::int64_t expected) {
  const auto key = to_base64(leader_key());
  const Json asked = {
      {"compare",
       {{{"key", key},
         {"target", "MOD"},
         {"result", "EQUAL"},
         {"mod_revision", std::to_string(expected)}}}},
      {"success", {{{"request_put", {{"key", key}, {"value", to_base64(to_json(record))}}}}}},
      {"failure", {{{"request_range", {{"key", key}}}}}}};
  const auto answer = parse(gateway_.ask("/v3/kv/txn", asked.dump()));
  return understood([&] { return outcome_of(answer); });
}

void EtcdStore::publish(const MemberRecord& record) {
  put(member_key(record.node), to_json(record));
}

void EtcdStore::set_paused(bool is_paused) {
  if (!is_paused) return remove(pause_key());
  put(pause_key(), Json{{"since", utc_text(unix_time_us())}}.dump());
}

void EtcdStore::put(const std::string& key, const std::string& value) {
  const Json asked = {{"key", to_base64(key)}, {"value", to_base64(value)}};
  (void)parse(gateway_.ask("/v3/kv/put", asked.dump()));
}

void EtcdStore::remove(const std::string& key) {
  const Json asked = {{"key", to_base64(key)}};
  (void)parse(gateway_.ask("/v3/kv/deleterange", asked.dump()));
}

}  // namespace understudy
