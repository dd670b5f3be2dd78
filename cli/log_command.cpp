// `understudy log`: what is in a queue of records.
#include "cli/commands.h"
#include "cli/log_place.h"
#include "cli/log_view.h"
#include "cli/signal_watch.h"
#include "common/backend/log_walk.h"
#include "common/core/errors.h"
#include "common/logging/progress.h"
#include "replay/archive_check.h"
#include "replay/log_sources.h"
#include "replay/moment.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace understudy {
namespace {

constexpr Seq kListed = 20;  // when no range is asked for
constexpr std::chrono::milliseconds kLookEvery{100};

// Asked only when it is wanted: it reads the whole database.
std::unique_ptr<PageOwners> find_owners(const LogPlace& place, bool wanted) {
  if (!wanted || place.database.empty()) return nullptr;
  try {
    return std::make_unique<PageOwners>(place.database);
  } catch (const Error& error) {
    fmt::print(stderr, "understudy: which tables they belong to is not known: {}\n", error.what());
    return nullptr;
  }
}

struct Range {
  Seq after = 0;
  Seq until = 0;
};

Seq last_by(LogReader& log, const LogBound& bound) {
  return bound.seq ? *bound.seq : last_record_until(log, *bound.time_us);
}

// The records of the log that are asked for.
Range find_range(LogReader& log, const LogCommand& command) {
  const auto bounds = log.bounds();
  Range range{bounds.base.seq, bounds.last.seq};
  if (command.to) range.until = std::min(range.until, last_by(log, *command.to));
  if (command.from) {
    auto before = *command.from;
    if (before.seq && *before.seq > 0) --*before.seq;
    if (before.time_us) --*before.time_us;
    range.after = std::max(range.after, last_by(log, before));
  } else if (command.action == LogAction::list && range.until > range.after + kListed) {
    range.after = range.until - kListed;
  }
  range.until = std::max(range.until, range.after);
  return range;
}

void walk(LogReader& log, const Range& range, const std::atomic<bool>& is_cancelled,
          const std::function<void(const RecordPart&)>& visit) {
  Seq reached = range.after;
  const auto walked = walk_log(log, range.after, range.until, [&](const RecordPart& part) {
    reached = part.header.seq;
    visit(part);
    return !is_cancelled;
  });
  if (walked == LogWalk::complete || walked == LogWalk::stopped) return;
  throw CorruptionError(fmt::format("the log {} behind record {}; see: understudy log … check",
                                    walked == LogWalk::damaged ? "is damaged" : "was trimmed",
                                    reached));
}

ExitCode list(LogReader& log, const PageOwners* owners, const LogCommand& command,
              const std::atomic<bool>& is_cancelled) {
  LogView view(owners, command.json);
  LogLines lines(owners);
  auto range = find_range(log, command);
  const auto print = [&](const RecordPart& part) {
    if (const auto line = lines.add(part)) view.print(*line);
  };
  if (range.after == range.until) {
    fmt::print(stderr, "understudy: no records behind {}\n", range.after);
  }
  walk(log, range, is_cancelled, print);
  while (command.follow && !is_cancelled) {
    std::this_thread::sleep_for(kLookEvery);
    const auto bounds = log.bounds();
    if (bounds.last.seq < range.until) {
      fmt::print(stderr, "understudy: records behind {} were taken back\n", bounds.last.seq);
    } else if (bounds.base.seq > range.until) {
      fmt::print(stderr, "understudy: records {} to {} were trimmed unseen\n", range.until + 1,
                 bounds.base.seq);
    }
    range = {std::clamp(range.until, bounds.base.seq, bounds.last.seq), bounds.last.seq};
    walk(log, range, is_cancelled, print);
  }
  return ExitCode::ok;
}

ExitCode show(LogReader& log, const PageOwners* owners, const LogCommand& command,
              const std::atomic<bool>& is_cancelled) {
  const auto bounds = log.bounds();
  if (command.seq <= bounds.base.seq || command.seq > bounds.last.seq) {
    throw ConfigError(fmt::format("there is no record {}: the log has {} to {}", command.seq,
                                  bounds.first_seq(), bounds.last.seq));
  }
  LogView view(owners, command.json);
  LogLines lines(owners);
  std::optional<LogLine> line;
  walk(log, {command.seq - 1, command.seq}, is_cancelled, [&](const RecordPart& part) {
    view.print_changes(part);
    line = lines.add(part);
  });
  if (!command.json) fmt::print("\n");
  if (line) view.print(*line);
  return ExitCode::ok;
}

ExitCode sum_up(LogReader& log, const PageOwners* owners, const LogCommand& command,
                const std::atomic<bool>& is_cancelled) {
  LogStats stats(owners);
  walk(log, find_range(log, command), is_cancelled,
       [&](const RecordPart& part) { stats.add(part); });
  LogView(owners, command.json).print(stats);
  return ExitCode::ok;
}

// Nothing: whole; else how it is damaged was printed.
std::optional<ExitCode> check_records(const LogPlace& place, const LogCommand& command,
                                      const std::atomic<bool>& is_cancelled) {
  const auto progress = make_progress();
  const auto is_over = [&] { return is_cancelled.load(); };
  if (!place.archive.empty()) {
    const ArchiveFolder folder(place.archive);
    progress->begin("checking " + place.archive, folder.bytes(), ProgressUnit::bytes);
    const auto proof = check_archive(
        folder, [&](std::uint64_t bytes) { progress->advance(bytes); }, is_over);
    progress->end();
    if (!proof.is_complete) return ExitCode::negative;
    print_proof(place.archive, proof, command.json);
    if (proof.is_whole()) return std::nullopt;
    return ExitCode::corruption;
  }
  const auto source = open_log(place, command);
  const auto bounds = source.log->bounds();
  progress->begin("checking " + source.name, bounds.last.seq - bounds.base.seq,
                  ProgressUnit::records);
  const auto proof = check_log(
      *source.log, source.stream, [&](Seq seq) { progress->advance(seq - bounds.base.seq); },
      is_over);
  progress->end();
  if (!proof.is_complete) return ExitCode::negative;
  print_proof(source.name, proof, command.json);
  if (proof.damages.empty()) return std::nullopt;
  return ExitCode::corruption;
}

ExitCode check(const LogPlace& place, const LogCommand& command,
               const std::atomic<bool>& is_cancelled) {
  bool is_whole = true;
  if (place.snapshot.empty()) {
    const auto problem = check_records(place, command, is_cancelled);
    if (problem == ExitCode::negative) return *problem;
    is_whole = !problem;
  }
  for (const auto& file : snapshot_files(place)) {
    if (is_cancelled) return ExitCode::negative;
    const auto problem = check_snapshot(file);
    print_snapshot_check(file, problem, command.json);
    is_whole = is_whole && !problem;
  }
  return is_whole ? ExitCode::ok : ExitCode::corruption;
}

}  // namespace

std::optional<LogAction> parse_log_action(std::string_view text) {
  if (text == "list") return LogAction::list;
  if (text == "show") return LogAction::show;
  if (text == "stats") return LogAction::stats;
  if (text == "check") return LogAction::check;
  return std::nullopt;
}

ExitCode run(const LogCommand& command) {
  std::atomic<bool> is_cancelled = false;
  const SignalWatch signals([&](const char*) { is_cancelled = true; });
  const auto place = find_log_place(command.source);
  if (command.action == LogAction::check) return check(place, command, is_cancelled);
  const auto source = open_log(place, command);
  const auto owners = find_owners(place, command.tables);
  switch (command.action) {
    case LogAction::show:
      return show(*source.log, owners.get(), command, is_cancelled);
    case LogAction::stats:
      return sum_up(*source.log, owners.get(), command, is_cancelled);
    default:
      return list(*source.log, owners.get(), command, is_cancelled);
  }
}

}  // namespace understudy
