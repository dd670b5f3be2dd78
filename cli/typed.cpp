#include "cli/typed.h"

#include "common/core/clock.h"
#include "replay/moment.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace understudy {
namespace {

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

log::Level read_log_level(const std::string& text) {
  if (const auto level = log::parse_level(text)) return *level;
  throw UsageError(fmt::format("--log-level {}: write debug, info, warning, error or off", text));
}

log::Format read_log_format(const std::string& text) {
  if (const auto format = log::parse_format(text)) return *format;
  throw UsageError(fmt::format("--log-format {}: write text or json", text));
}

}  // namespace

NodePath read_node_path(const Typed& typed) {
  if (typed.database.empty() && typed.state_dir.empty()) {
    throw UsageError("which node? give its database, or its state directory with --state DIR");
  }
  return {typed.database, typed.state_dir};
}

CheckConfigCommand read_check_config(const Typed& typed) {
  if (typed.config_file.empty() && !typed.schema) {
    throw UsageError("check-config: which file? give its name, or --schema");
  }
  return {typed.config_file, typed.schema};
}

WaitCommand read_wait(const Typed& typed) {
  const auto level = parse_wait_level(typed.level);
  if (!level) {
    throw UsageError(fmt::format("--level {}: write received, durable or applied", typed.level));
  }
  return {read_node_path(typed), typed.seq, *level, typed.standbys,
          read_duration_ms("--timeout", typed.timeout)};
}

log::Options read_log_options(const Typed& typed) {
  return {read_log_level(typed.log_level), read_log_format(typed.log_format)};
}

RunCommand read_run(const Typed& typed) {
  RunCommand command{.file = typed.config_file};
  if (!typed.run_log_level.empty()) command.log_level = read_log_level(typed.run_log_level);
  if (!typed.run_log_format.empty()) command.log_format = read_log_format(typed.run_log_format);
  return command;
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
