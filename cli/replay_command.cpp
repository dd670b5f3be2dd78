// `understudy replay`: a replica that no node feeds is moved on by the records of some logs.
#include "cli/commands.h"
#include "cli/describe_logs.h"
#include "cli/node_path.h"
#include "cli/replica_position.h"
#include "cli/signal_watch.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/node/control_client.h"
#include "replay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <utility>

namespace understudy {
namespace {

namespace fs = std::filesystem;

ReplicaPlace find_place(const NodePath& of) {
  if (!fs::exists(of.database)) {
    throw ConfigError(fmt::format(
        "there is no database {}; to make one of a log: understudy restore", of.database));
  }
  const auto database = fs::absolute(of.database).string();
  const auto folder = of.state_dir.empty() ? StateDirectory::default_path(database) : of.state_dir;
  return {database, fs::absolute(folder).string()};
}

// nullopt: the database is no node's yet.
std::optional<FoundNode> find_standby(const NodePath& of, const ReplicaPlace& place) {
  if (!load_identity(StateDirectory(place.state_dir))) return std::nullopt;
  auto node = find_node({.database = of.database, .state_dir = place.state_dir});
  if (ControlClient(node.directory.control_socket()).status()) {
    throw ConfigError(
        fmt::format("node {} runs and feeds {} itself; replay is for a replica that "
                    "nobody feeds",
                    node.identity.node, node.database));
  }
  if (node.identity.role == NodeRole::primary) {
    throw ConfigError(
        fmt::format("{} is a primary's: its application writes to it; replay is for "
                    "replicas",
                    node.database));
  }
  return node;
}

// The replica's own log first: it is what it may be behind of.
std::vector<LogSource> open_logs(const ReplayCommand& command, const ReplicaPlace& place) {
  auto paths = command.logs;
  const auto own = StateDirectory(place.state_dir).backend();
  const auto is_own = [&](const std::string& path) {
    std::error_code ignored;
    return fs::equivalent(path, own, ignored) || fs::equivalent(path, place.state_dir, ignored);
  };
  std::erase_if(paths, is_own);
  if (sqlite_backend_exists(own)) paths.insert(paths.begin(), own);
  auto logs = open_log_sources(paths).logs;
  if (logs.empty()) {
    throw ConfigError("there is no log among the sources: a snapshot alone moves no replica on");
  }
  return logs;
}

void describe(const ReplayPlan& plan) {
  fmt::print(stderr, "understudy: the replica is at {}\n", plan.from.to_string());
  if (plan.records() == 0) return;
  fmt::print(stderr, "understudy: to transaction {} of {}{}: {} records\n", plan.target.seq,
             utc_text(plan.target.time_us), plan.target.is_newest ? ", the last one there is" : "",
             plan.records());
}

ExitCode report(const Replayed& replayed, const ReplayPlan& plan, const std::string& database,
                std::int64_t took_us) {
  fmt::print("{}\n", replayed.position.to_string());
  const auto records = replayed.position.seq - plan.from.seq;
  const auto seconds = static_cast<double>(std::max<std::int64_t>(took_us, 1)) / 1e6;
  if (!replayed.is_complete) {
    fmt::print(stderr,
               "understudy: stopped; {} is whole, at record {} of {}; the same command goes "
               "on from there\n",
               database, replayed.position.seq, plan.target.seq);
    return ExitCode::negative;
  }
  fmt::print(stderr, "understudy: {} moved on by {} records and proved, in {} ({:.0f} a second)\n",
             database, records, format_seconds(seconds), static_cast<double>(records) / seconds);
  return ExitCode::ok;
}

}  // namespace

ExitCode run(const ReplayCommand& command) {
  std::atomic<bool> is_cancelled = false;
  const SignalWatch signals([&](const char*) { is_cancelled = true; });
  const auto progress = make_progress();
  const auto place = find_place(command.of);
  const auto node = find_standby(command.of, place);
  LogChain chain(open_logs(command, place));
  describe_left_out(chain);
  const auto position =
      find_replica_position(place.database, node ? &*node : nullptr, chain, *progress);
  const auto plan = plan_replay(chain, position, command.target);
  describe(plan);
  if (plan.records() == 0) {
    fmt::print("{}\n", plan.from.to_string());
    fmt::print(stderr, "understudy: nothing to apply: it is there already\n");
    return ExitCode::ok;
  }
  if (command.dry_run) return ExitCode::ok;
  const auto began_us = monotonic_time_us();
  const auto replayed = replay(chain, plan, place, *progress, [&] { return is_cancelled.load(); });
  return report(replayed, plan, command.of.database, monotonic_time_us() - began_us);
}

}  // namespace understudy
