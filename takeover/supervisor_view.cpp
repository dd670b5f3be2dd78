// What the supervisor lets be seen of its node: its status, and the cluster as it knows it.
#include "common/core/clock.h"
#include "common/logging/log.h"
#include "takeover/supervisor.h"

#include <unistd.h>

#include <algorithm>

namespace understudy {
namespace {

ClusterMember to_member(const Peer& peer, std::int64_t now_us) {
  const auto& report = peer.report;
  ClusterMember member;
  member.node = report.node;
  member.role = std::string(to_string(report.role));
  member.state = report.state;
  member.epoch = report.epoch;
  member.seq = report.position.seq;
  member.applied_seq = report.applied;
  member.followed = report.followed;
  member.is_fenced = report.is_fenced;
  if (peer.is_silent) {
    member.silent_seconds = static_cast<double>(now_us - peer.heard_us) / 1e6;
    member.role = "none";  // what it was, nobody knows that it still is
  }
  return member;
}

}  // namespace

Status Supervisor::status() const {
  auto status = node_.status();
  status.is_sync = is_waited_for(status);
  status.takes_reads = !options_.tags.noloadbalance;
  if (status.role == NodeRole::primary) {
    status.is_fenced = is_fenced_;
    const std::lock_guard lock(mutex_);
    status.is_standing_down =
        superseded_by_.has_value() || (publisher_ != nullptr && role_ != PeerRole::primary);
  }
  return status;
}

// Any of those that follow a primary whose commits wait may be the one that they go by.
bool Supervisor::is_waited_for(const Status& status) const {
  if (status.role != NodeRole::standby || status.state != NodeState::streaming) return false;
  const auto primary = links_ ? links_->primary() : std::nullopt;
  return primary && primary->report.sync_standbys > 0 && primary->report.node == status.followed;
}

ClusterStatus Supervisor::cluster() const {
  const auto own = status();
  const auto self = describe_self(own);
  ClusterStatus cluster;
  cluster.stream = self.stream;
  cluster.epoch = self.epoch;
  cluster.self = self.node;
  auto& me = cluster.members.emplace_back(
      to_member({.report = self, .endpoint = {}, .heard_us = 0}, monotonic_time_us()));
  me.is_self = true;
  me.endpoint = own.listen;
  if (self.role == PeerRole::primary) cluster.primary = self.node;
  if (links_) add_peers(cluster);
  {
    const std::lock_guard lock(mutex_);
    cluster.history = history_;
  }
  add_lease(cluster);
  add_lags(own, cluster);
  return cluster;
}

// What the lease store says, and of each member what it said there.
void Supervisor::add_lease(ClusterStatus& cluster) const {
  auto& me = cluster.members.front();
  me.nofailover = options_.tags.nofailover;
  me.noloadbalance = options_.tags.noloadbalance;
  me.priority = options_.tags.priority;
  if (!lease_) return;
  const auto seen = lease_->status();
  ClusterLease lease;
  if (seen.leader) {
    lease.holder = seen.leader->node;
    lease.epoch = seen.leader->epoch;
    if (seen.leader->sync) lease.synced = seen.leader->sync->members;
  }
  lease.is_held = seen.is_held;
  lease.ttl_seconds = static_cast<double>(seen.ttl_us) / 1e6;
  lease.age_seconds = static_cast<double>(seen.leader_age_us) / 1e6;
  lease.is_paused = seen.is_paused;
  lease.is_pausing = seen.is_pausing;
  lease.is_on_promises = seen.is_on_promises;
  lease.trouble = seen.trouble;
  for (const auto& [said, age_us] : seen.members) {
    auto member = std::ranges::find(cluster.members, said.node, &ClusterMember::node);
    if (member == cluster.members.end()) {
      // It spoke to the store, and not to this node.
      auto& added = cluster.members.emplace_back();
      added.node = said.node;
      added.endpoint = said.endpoint;
      added.epoch = said.epoch;
      added.seq = said.seq;
      added.applied_seq = said.applied;
      added.silent_seconds = static_cast<double>(age_us) / 1e6;
      member = std::prev(cluster.members.end());
    }
    member->nofailover = said.nofailover;
    member->noloadbalance = said.noloadbalance;
    member->priority = said.priority;
    member->refusal = said.refusal;
  }
  cluster.lease = std::move(lease);
}

// Those that are known, and those that are only named.
void Supervisor::add_peers(ClusterStatus& cluster) const {
  const auto now_us = monotonic_time_us();
  cluster.epoch = std::max(cluster.epoch, links_->highest_epoch());
  if (const auto primary = links_->primary()) {
    cluster.primary = primary->report.node;
  } else if (links_->fork() || cluster.epoch > cluster.members.front().epoch) {
    cluster.primary.clear();
  }
  for (const auto& peer : links_->peers()) {
    if (!peer.is_of_stream && !peer.report.stream.is_nil()) continue;
    auto member = to_member(peer, now_us);
    if (const auto endpoint = links_->endpoint_of(member.node)) {
      member.endpoint = endpoint->to_string();
    }
    cluster.members.push_back(std::move(member));
  }
  for (const auto& unanswered : links_->unanswered(1)) {
    if (!unanswered.node.empty()) continue;
    ClusterMember member;
    member.endpoint = unanswered.endpoint.to_string();
    cluster.members.push_back(std::move(member));
  }
}

void Supervisor::say_started() const {
  log::info("node_started", "understudy runs",
            {{"node", node_.name()},
             {"database", node_.database()},
             {"state_dir", node_.directory().path()},
             {"version", UNDERSTUDY_VERSION},
             {"pid", ::getpid()}});
}

}  // namespace understudy
