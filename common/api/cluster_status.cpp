#include "common/api/cluster_status.h"

#include "common/core/clock.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace understudy {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json seconds_or_null(const std::optional<double>& seconds) {
  return seconds ? Json(std::round(*seconds * 1000) / 1000) : Json(nullptr);
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json member_json(const ClusterMember& member) {
  return {{"node", text_or_null(member.node)},
          {"endpoint", text_or_null(member.endpoint)},
          {"is_self", member.is_self},
          {"role", member.role},
          {"state", text_or_null(member.state)},
          {"epoch", member.epoch},
          {"seq", member.seq},
          {"applied_seq", member.applied_seq},
          {"followed", text_or_null(member.followed)},
          {"is_fenced", member.is_fenced},
          {"silent_seconds", seconds_or_null(member.silent_seconds)},
          {"lag_transactions", or_null(member.lag_transactions)},
          {"lag_seconds", seconds_or_null(member.lag_seconds)},
          {"lag_bytes", or_null(member.lag_bytes)},
          {"nofailover", member.nofailover},
          {"noloadbalance", member.noloadbalance},
          {"priority", member.priority},
          {"refusal", text_or_null(member.refusal)}};
}

Json lease_json(const ClusterLease& lease) {
  return {{"holder", text_or_null(lease.holder)},
          {"is_held", lease.is_held},
          {"epoch", lease.epoch},
          {"ttl_seconds", lease.ttl_seconds},
          {"age_seconds", seconds_or_null(lease.age_seconds)},
          {"is_paused", lease.is_paused},
          {"is_pausing", lease.is_pausing},
          {"is_on_promises", lease.is_on_promises},
          {"synced", lease.synced},
          {"trouble", text_or_null(lease.trouble)}};
}

Json opening_json(const EpochStart& start) {
  return {{"epoch", start.epoch},
          {"node", start.node},
          {"first_seq", start.first_seq},
          {"state_sum", hex(start.sum)},
          {"time", start.time_us == 0 ? Json(nullptr) : Json(utc_text(start.time_us))},
          {"reason", start.reason}};
}

void add_lag(const Status& own, const ClusterMember* primary, ClusterMember& member) {
  if (primary != nullptr && member.role == "standby") {
    member.lag_transactions = primary->seq - std::min(primary->seq, member.applied_seq);
  }
  if (member.is_self && own.role == NodeRole::standby) {
    if (own.lag_transactions) member.lag_transactions = own.lag_transactions;
    member.lag_seconds = own.lag_seconds;
    member.lag_bytes = own.lag_bytes;
    return;
  }
  // Those that follow a standby are measured by it against what itself has: too little.
  if (own.role != NodeRole::primary) return;
  const auto standby = std::ranges::find(own.standbys, member.node, &StandbyStatus::name);
  if (standby == own.standbys.end() || standby->state == NodeState::stopped) return;
  member.lag_seconds = standby->lag_seconds;
  member.lag_bytes = standby->lag_bytes;
}

}  // namespace

void add_lags(const Status& own, ClusterStatus& cluster) {
  const auto found = std::ranges::find_if(cluster.members, [&](const ClusterMember& member) {
    return !cluster.primary.empty() && member.node == cluster.primary;
  });
  const auto* primary = found == cluster.members.end() ? nullptr : &*found;
  for (auto& member : cluster.members) add_lag(own, primary, member);
}

std::string to_json(const ClusterStatus& cluster) {
  Json members = Json::array();
  for (const auto& member : cluster.members) members.push_back(member_json(member));
  Json history = Json::array();
  for (const auto& start : cluster.history) history.push_back(opening_json(start));
  const Json out = {
      {"stream_id", cluster.stream.is_nil() ? Json(nullptr) : Json(cluster.stream.to_string())},
      {"epoch", cluster.epoch},
      {"primary", text_or_null(cluster.primary)},
      {"self", cluster.self},
      {"members", members},
      {"history", history},
      {"lease", cluster.lease ? lease_json(*cluster.lease) : Json(nullptr)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace understudy
