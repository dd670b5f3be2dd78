// `understudy archive`: a node's records and snapshots are copied elsewhere, beside it or without
// it.
#include "cli/commands.h"
#include "cli/node_path.h"
#include "cli/signal_watch.h"
#include "common/archive/archive_keeper.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/logging/progress.h"

#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <semaphore>

namespace understudy {
namespace {

double behind_seconds(const ArchiveReport& report) {
  if (report.behind_since_us == 0) return 0;
  return static_cast<double>(std::max<std::int64_t>(0, unix_time_us() - report.behind_since_us)) /
         1e6;
}

void print_json(const ArchiveReport& report, const std::string& directory) {
  const nlohmann::ordered_json object{{"directory", directory},
                                      {"last", report.last.to_string()},
                                      {"last_seq", report.last.seq},
                                      {"segments", report.segments},
                                      {"snapshots", report.snapshots},
                                      {"behind_transactions", report.behind_records},
                                      {"behind_bytes", report.behind_bytes},
                                      {"behind_seconds", behind_seconds(report)}};
  fmt::print("{}\n", object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print(const ArchiveReport& report, const std::string& directory) {
  fmt::print("{}: archived up to {}; {} segments and {} snapshots copied", directory,
             report.last.to_string(), report.segments, report.snapshots);
  if (report.behind_records == 0) {
    fmt::print("; nothing is behind\n");
  } else {
    fmt::print("; {} transactions behind ({}, {})\n", report.behind_records,
               format_bytes(report.behind_bytes), format_seconds(behind_seconds(report)));
  }
}

ExitCode archive_once(const ArchiveCommand& command, const ArchiveOptions& options) {
  std::atomic<bool> is_cancelled = false;
  const SignalWatch signals([&](const char*) { is_cancelled = true; });
  Archiver archiver(
      options, [&] { return is_cancelled.load(); }, [](const ArchiveReport&) {});
  archiver.look(true);
  if (command.json) {
    print_json(archiver.report(), options.directory);
  } else {
    print(archiver.report(), options.directory);
  }
  return is_cancelled ? ExitCode::negative : ExitCode::ok;
}

ExitCode keep_archiving(const ArchiveOptions& options) {
  std::binary_semaphore stop(0);
  const SignalWatch signals([&](const char*) { stop.release(); });
  ArchiveKeeper keeper(options);
  stop.acquire();
  keeper.end();
  const auto view = keeper.view();
  if (view.report.is_known) print(view.report, options.directory);
  return view.last_error.empty() ? ExitCode::ok : ExitCode::environment;
}

}  // namespace

ExitCode run(const ArchiveCommand& command) {
  const auto node = find_node(command.of);
  if (!sqlite_backend_exists(node.directory.backend())) {
    throw ConfigError(
        fmt::format("{} has no log yet: it begins with the first scan or copy", node.database));
  }
  auto options = command.options;
  options.backend = node.directory.backend();
  options.snapshots = node.directory.snapshots();
  options.node = node.identity.node;
  // What cannot be is said at once; what happens later is waited out.
  ArchiveFolder(options.directory).claim(stream_of_sqlite_backend(options.backend), false);
  return command.once ? archive_once(command, options) : keep_archiving(options);
}

}  // namespace understudy
