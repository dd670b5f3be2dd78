// Whose lag is known to whom, and what of it reaches the JSON.
#include "common/api/cluster_status.h"

#include <doctest/doctest.h>

using namespace understudy;

namespace {

ClusterMember member(const char* node, const char* role, Seq seq, Seq applied) {
  ClusterMember made;
  made.node = node;
  made.role = role;
  made.seq = seq;
  made.applied_seq = applied;
  return made;
}

ClusterStatus three(const char* self) {
  ClusterStatus cluster;
  cluster.primary = "a";
  cluster.self = self;
  cluster.members = {member("a", "primary", 100, 100), member("b", "standby", 90, 80),
                     member("c", "standby", 120, 110)};
  for (auto& each : cluster.members) each.is_self = each.node == self;
  return cluster;
}

}  // namespace

TEST_CASE("a primary knows the lags of those that follow it") {
  auto cluster = three("a");
  Status own;
  own.role = NodeRole::primary;
  own.standbys = {{"b", NodeState::streaming, {90, 90, 80}, 1.5, 700},
                  {"c", NodeState::stopped, {120, 120, 110}, 9, 9}};  // disconnected
  add_lags(own, cluster);
  CHECK_FALSE(cluster.members[0].lag_transactions);
  CHECK(cluster.members[1].lag_transactions == 20);
  CHECK(cluster.members[1].lag_seconds == 1.5);
  CHECK(cluster.members[1].lag_bytes == 700);
  CHECK(cluster.members[2].lag_transactions == 0);  // its word is newer than the primary's
  CHECK_FALSE(cluster.members[2].lag_seconds);
}

TEST_CASE("a standby knows its own lag, and of the others how many records") {
  auto cluster = three("b");
  Status own;
  own.role = NodeRole::standby;
  own.lag_transactions = 25;
  own.lag_seconds = 2;
  own.lag_bytes = 900;
  own.standbys = {{"c", NodeState::streaming, {}, 7, 7}};  // measured against what b has
  add_lags(own, cluster);
  CHECK(cluster.members[1].lag_transactions == 25);
  CHECK(cluster.members[1].lag_seconds == 2);
  CHECK(cluster.members[1].lag_bytes == 900);
  CHECK_FALSE(cluster.members[2].lag_seconds);
  CHECK_FALSE(cluster.members[2].lag_bytes);
}

TEST_CASE("nobody leads: no lag in records, and null for the primary") {
  auto cluster = three("b");
  cluster.primary.clear();
  Status own;
  own.role = NodeRole::standby;
  add_lags(own, cluster);
  for (const auto& each : cluster.members) CHECK_FALSE(each.lag_transactions);
  const auto json = to_json(cluster);
  CHECK(json.find("\"primary\":null") != std::string::npos);
  CHECK(json.find("\"stream_id\":null") != std::string::npos);
  CHECK(json.find("\"lag_bytes\":null") != std::string::npos);
}

TEST_CASE("bytes that are not UTF-8 do not break the JSON") {
  auto cluster = three("a");
  cluster.members[1].state = "\xff\xfe";
  CHECK(to_json(cluster).find("\xff") == std::string::npos);
}
