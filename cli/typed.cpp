#include "cli/typed.h"

#include "cli/units.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/node/identity.h"
#include "replay/moment.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <utility>

namespace understudy {
namespace {

Endpoint read_endpoint(const char* option, const std::string& text) {
  try {
    return Endpoint::parse(text);
  } catch (const ConfigError& error) {
    throw UsageError(fmt::format("{} {}", option, error.what()));
  }
}

Endpoint read_listen(const Typed& typed) {
  const auto endpoint = read_endpoint("--listen", typed.listen);
  if (!endpoint.is_loopback() && !typed.insecure) {
    throw UsageError(fmt::format(
        "--listen {}: anybody who reaches this address could read the database, since keys come "
        "with a later version; listen on 127.0.0.1 (through a tunnel), or add --insecure when the "
        "network is trusted",
        typed.listen));
  }
  return endpoint;
}

std::int64_t read_duration(const char* option, const std::string& text) {
  const auto value = parse_duration_ms(text);
  if (!value) {
    throw UsageError(
        fmt::format("{} {}: not a duration; write e.g. 500ms, 5s, 2m, 24h or 7d", option, text));
  }
  return *value;
}

std::uint64_t read_size(const char* option, const std::string& text) {
  const auto value = parse_size(text);
  if (!value) {
    throw UsageError(
        fmt::format("{} {}: not a size; write e.g. 4096, 64MiB or 1.5GiB", option, text));
  }
  return *value;
}

RetentionPolicy read_retention(const Typed& typed) {
  RetentionPolicy policy;
  policy.max_bytes = read_size("--keep-bytes", typed.keep_bytes);
  policy.max_age_us = read_duration("--keep-age", typed.keep_age) * 1000;
  return policy;
}

std::int64_t read_snapshot_every(const Typed& typed) {
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
          .timeout_ms = read_duration("--sync-timeout", typed.sync_timeout),
          .policy = degrades ? WhenUnreplicated::degrade : WhenUnreplicated::wait};
}

void check_node_name(const Typed& typed) {
  if (!typed.node.empty() && !is_node_name(typed.node)) {
    throw UsageError(fmt::format(
        "--node {}: not a name; use up to 64 of letters, digits, '.', '_' and '-'", typed.node));
  }
}

std::vector<Endpoint> read_endpoints(const char* option, const std::vector<std::string>& texts) {
  std::vector<Endpoint> endpoints;
  endpoints.reserve(texts.size());
  for (const auto& text : texts) endpoints.push_back(read_endpoint(option, text));
  return endpoints;
}

ClusterOptions read_cluster(const Typed& typed) {
  return {.peers = read_endpoints("--peers", typed.peers),
          .hooks = {.before_promote = typed.before_promote,
                    .on_promote = typed.on_promote,
                    .on_demote = typed.on_demote,
                    .limit = std::chrono::milliseconds(
                        read_duration("--hook-timeout", typed.hook_timeout))}};
}

Target read_target(const Typed& typed) {
  Target target{typed.to_seq, {}};
  if (typed.to_time.empty()) return target;
  target.time_us = parse_moment(typed.to_time, unix_time_us());
  if (target.time_us) return target;
  throw UsageError(fmt::format(
      "--to-time {}: not a time; write e.g. 2026-11-24T14:03:00Z, \"2026-11-24 14:03+01:00\", or "
      "\"15m ago\"",
      typed.to_time));
}

std::optional<Seq> parse_seq(const std::string& text) {
  Seq seq = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, seq);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(seq) : std::nullopt;
}

Seq read_seq(const std::string& text) {
  if (const auto seq = parse_seq(text)) return *seq;
  throw UsageError(fmt::format("{} is no record's number", text));
}

LogBound read_bound(const char* option, const std::string& text) {
  LogBound bound{parse_seq(text), {}};
  if (bound.seq) return bound;
  bound.time_us = parse_moment(text, unix_time_us());
  if (bound.time_us) return bound;
  throw UsageError(fmt::format(
      "{} {}: neither a record's number nor a time; write e.g. 1042, 2026-11-24T14:03:00Z, or "
      "\"15m ago\"",
      option, text));
}

}  // namespace

NodePath read_node_path(const Typed& typed) {
  if (typed.database.empty() && typed.state_dir.empty()) {
    throw UsageError("which node? give its database, or its state directory with --state DIR");
  }
  return {typed.database, typed.state_dir};
}

PublishCommand read_publish(const Typed& typed) {
  check_node_name(typed);
  PublishCommand command{{}, read_cluster(typed), typed.state_dir, typed.node};
  auto& options = command.options;
  options.database = typed.database;
  options.listen = read_listen(typed);
  options.enable_wal = typed.enable_wal;
  options.insecure = typed.insecure;
  options.retention = read_retention(typed);
  options.snapshot_every_us = read_snapshot_every(typed);
  options.niceness = typed.niceness;
  options.tail.window_frames = typed.wal_window;
  options.tail.wal_hard_limit_bytes = read_size("--wal-limit", typed.wal_limit);
  options.tail.may_take_write_lock = !typed.never_lock;
  options.sync = read_sync(typed);
  return command;
}

SubscribeCommand read_subscribe(const Typed& typed) {
  check_node_name(typed);
  if (typed.from.empty() && typed.peers.empty()) {
    throw UsageError("whom to follow? give --from, or all nodes with --peers");
  }
  SubscribeCommand command{{}, {}, read_cluster(typed), typed.state_dir, typed.node};
  auto& options = command.options;
  options.database = typed.database;
  options.from = read_endpoints("--from", typed.from);
  if (!typed.listen.empty()) options.listen = read_listen(typed);
  options.insecure = typed.insecure;
  options.adopt = typed.adopt;
  command.sync = read_sync(typed);
  options.retention = read_retention(typed);
  options.snapshot_every_us = read_snapshot_every(typed);
  return command;
}

WaitCommand read_wait(const Typed& typed) {
  const auto level = parse_wait_level(typed.level);
  if (!level) {
    throw UsageError(fmt::format("--level {}: write received, durable or applied", typed.level));
  }
  return {read_node_path(typed), typed.seq, *level, typed.standbys,
          read_duration("--timeout", typed.timeout)};
}

log::Options read_log_options(const Typed& typed) {
  const auto level = log::parse_level(typed.log_level);
  if (!level) {
    throw UsageError(
        fmt::format("--log-level {}: write debug, info, warning, error or off", typed.log_level));
  }
  const auto format = log::parse_format(typed.log_format);
  if (!format) {
    throw UsageError(fmt::format("--log-format {}: write text or json", typed.log_format));
  }
  return {*level, *format};
}

OrphansCommand read_orphans(Typed typed) {
  // With --state there is no DB, and what follows moves up.
  if (!typed.state_dir.empty() && parse_orphans_action(typed.database)) {
    if (typed.orphans_action != "list") typed.name = typed.orphans_action;
    typed.orphans_action = std::exchange(typed.database, {});
  }
  const auto action = parse_orphans_action(typed.orphans_action);
  if (!action) {
    throw UsageError(
        fmt::format("orphans {}: write list, show, export or discard", typed.orphans_action));
  }
  if (*action != OrphansAction::list && typed.name.empty()) {
    throw UsageError(
        fmt::format("orphans {}: of which? give its NAME; `understudy orphans` lists them",
                    typed.orphans_action));
  }
  if (*action == OrphansAction::export_pages && typed.output.empty()) {
    throw UsageError("orphans export: where to? give --output FILE");
  }
  return {read_node_path(typed), *action, typed.name, typed.output, typed.json};
}

RestoreCommand read_restore(const Typed& typed) {
  if (typed.logs.empty() && typed.state_dir.empty()) {
    throw UsageError("restore: from what? give --log PATH, or a node's --state DIR");
  }
  RestoreCommand command{typed.logs, read_target(typed), typed.output, typed.dry_run};
  if (!typed.state_dir.empty()) command.sources.push_back(typed.state_dir);
  return command;
}

ReplayCommand read_replay(const Typed& typed) {
  return {read_node_path(typed), typed.logs, read_target(typed), typed.dry_run};
}

LogCommand read_log(const Typed& typed) {
  auto words = typed.words;
  if (!typed.state_dir.empty()) words.insert(words.begin(), typed.state_dir);
  if (words.empty()) {
    throw UsageError("log: of what? name a database, a state directory, a backend.db or --state");
  }
  LogCommand command;
  command.source = words[0];
  if (words.size() > 1) {
    const auto action = parse_log_action(words[1]);
    if (!action) {
      throw UsageError(
          fmt::format("log {}: the actions are list, show, stats and check", words[1]));
    }
    command.action = *action;
  }
  const bool shows = command.action == LogAction::show;
  if (words.size() != (shows ? 3 : words.size() > 1 ? 2 : 1)) {
    throw UsageError(shows ? "log show: which record? give its number"
                           : fmt::format("log: what is meant by {}?", words.back()));
  }
  if (shows) command.seq = read_seq(words[2]);
  if (!typed.range_from.empty()) command.from = read_bound("--from", typed.range_from);
  if (!typed.range_to.empty()) command.to = read_bound("--to", typed.range_to);
  if (typed.follow && (command.action != LogAction::list || command.to)) {
    throw UsageError("--follow is for list, without --to");
  }
  command.follow = typed.follow;
  command.json = typed.json;
  command.tables = !typed.no_tables;
  return command;
}

}  // namespace understudy
