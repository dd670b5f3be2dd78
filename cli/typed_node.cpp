// What was typed of a node, for both of its roles at once.
#include "cli/archive_options.h"
#include "cli/key_options.h"
#include "cli/typed.h"
#include "cli/units.h"
#include "common/node/identity.h"

#include <fmt/format.h>

#include <chrono>

namespace understudy {
namespace {

constexpr const char* kDefaultListen = "tcp://127.0.0.1:7600";

std::optional<Endpoint> read_listen(const Typed& typed, NodeRole role) {
  if (typed.listen.empty() && role == NodeRole::standby) return std::nullopt;
  const auto endpoint =
      read_endpoint("--listen", typed.listen.empty() ? kDefaultListen : typed.listen);
  if (!endpoint.is_loopback() && typed.key_file.empty() && !typed.insecure) {
    throw UsageError(fmt::format(
        "--listen {}: anybody who reaches this address could read the database; give the node keys "
        "(understudy keygen, --key-file and --peer-keys), listen on 127.0.0.1 (through a tunnel), "
        "or add --insecure when the network is trusted",
        typed.listen));
  }
  return endpoint;
}

RetentionPolicy read_retention(const Typed& typed) {
  RetentionPolicy policy;
  policy.max_bytes = read_size("--keep-bytes", typed.keep_bytes);
  policy.max_age_us = read_duration_ms("--keep-age", typed.keep_age) * 1000;
  return policy;
}

std::int64_t read_snapshot_every_us(const Typed& typed) {
  if (typed.snapshot_every == "off") return 0;
  const auto every_ms = parse_duration_ms(typed.snapshot_every);
  if (!every_ms || *every_ms == 0) {
    throw UsageError(fmt::format("--snapshot-every {}: write a time, like 24h or 30m, or off",
                                 typed.snapshot_every));
  }
  return *every_ms * 1000;
}

SyncOptions read_sync(const Typed& typed) {
  const auto level = parse_wait_level(typed.sync_level);
  if (!level) {
    throw UsageError(
        fmt::format("--sync-level {}: write received, durable or applied", typed.sync_level));
  }
  const bool degrades = typed.when_unreplicated == "degrade";
  if (!degrades && typed.when_unreplicated != "wait") {
    throw UsageError(
        fmt::format("--when-unreplicated {}: write wait or degrade", typed.when_unreplicated));
  }
  return {.count = typed.sync,
          .level = *level,
          .timeout_ms = read_duration_ms("--sync-timeout", typed.sync_timeout),
          .policy = degrades ? WhenUnreplicated::degrade : WhenUnreplicated::wait};
}

TailOptions read_tail(const Typed& typed) {
  TailOptions tail;
  tail.window_frames = typed.wal_window;
  tail.wal_hard_limit_bytes = read_size("--wal-limit", typed.wal_limit);
  tail.may_take_write_lock = !typed.never_lock;
  return tail;
}

HookOptions read_hooks(const Typed& typed) {
  return {
      .before_promote = typed.before_promote,
      .on_promote = typed.on_promote,
      .on_demote = typed.on_demote,
      .limit = std::chrono::milliseconds(read_duration_ms("--hook-timeout", typed.hook_timeout))};
}

void check_node_name(const Typed& typed) {
  if (!typed.node.empty() && !is_node_name(typed.node)) {
    throw UsageError(fmt::format(
        "--node {}: not a name; use up to 64 of letters, digits, '.', '_' and '-'", typed.node));
  }
}

// Whom a standby follows, and who else there is.
void read_others(const Typed& typed, SupervisorOptions& options) {
  const auto from = read_endpoints("--from", typed.from);
  options.peers = read_endpoints("--peers", typed.peers);
  if (options.node.role == NodeRole::standby && from.empty() && options.peers.empty()) {
    throw UsageError("whom to follow? give --from, or all nodes with --peers");
  }
  options.follow.prefer_primary = !options.peers.empty();
  options.follow.from = from.empty() ? options.peers : from;
  if (options.peers.empty()) options.peers = from;
}

}  // namespace

NodeCommand read_node(const Typed& typed, NodeRole role) {
  check_node_name(typed);
  NodeCommand command;
  auto& options = command.options;
  options.node = {
      .database = typed.database, .state_dir = typed.state_dir, .name = typed.node, .role = role};
  read_others(typed, options);
  options.keys = read_key_files(typed);
  options.hooks = read_hooks(typed);
  options.http = read_http(typed);
  options.lease = read_lease(typed);
  options.tags = read_tags(typed);

  auto& publish = options.publish;
  auto& follow = options.follow;
  publish.database = follow.database = typed.database;
  follow.listen = read_listen(typed, role);
  // A standby that does not serve may be promoted by force: on a port that nobody knows.
  publish.listen = follow.listen.value_or(Endpoint{"127.0.0.1", 0});
  publish.insecure = follow.insecure = typed.insecure;
  publish.retention = follow.retention = read_retention(typed);
  publish.snapshot_every_us = follow.snapshot_every_us = read_snapshot_every_us(typed);
  publish.enable_wal = typed.enable_wal;
  publish.niceness = typed.niceness;
  publish.tail = read_tail(typed);
  publish.sync = read_sync(typed);
  follow.adopt = typed.adopt;
  options.archive = read_archive_options(typed);
  return command;
}

}  // namespace understudy
