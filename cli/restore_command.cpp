// `understudy restore`: logs and snapshots to a database as it was.
#include "cli/commands.h"
#include "cli/describe_logs.h"
#include "cli/signal_watch.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/logging/progress.h"
#include "replay/restore.h"

#include <fmt/format.h>

#include <atomic>
#include <filesystem>

namespace understudy {
namespace {

// Which transaction, and what it is made of: before anything is done.
void describe(const RestorePlan& plan) {
  const auto& snapshot = plan.from.front();
  const auto base = snapshot.footer.position.seq;
  fmt::print(stderr, "understudy: to transaction {} of {}{}\n", plan.target.seq,
             utc_text(plan.target.time_us), plan.target.is_newest ? ", the last one there is" : "");
  fmt::print(stderr, "understudy: from {} (transaction {}) and {} records behind it\n",
             snapshot.path, base, plan.target.seq - base);
}

}  // namespace

ExitCode run(const RestoreCommand& command) {
  std::atomic<bool> is_cancelled = false;
  const SignalWatch signals([&](const char*) { is_cancelled = true; });
  const auto began_us = monotonic_time_us();
  auto sources = open_log_sources(command.sources);
  LogChain chain(std::move(sources.logs));
  describe_left_out(chain);
  const auto plan = plan_restore(chain, sources.snapshots, command.target);
  describe(plan);
  if (command.dry_run) return ExitCode::ok;
  const auto progress = make_progress();
  const auto output = std::filesystem::absolute(command.output).string();
  const auto restored =
      restore(chain, plan, output, *progress, [&] { return is_cancelled.load(); });
  if (!restored) {
    fmt::print(stderr, "understudy: given up; nothing was made\n");
    return ExitCode::negative;
  }
  fmt::print("{}\n", restored->position.to_string());
  fmt::print(stderr, "understudy: {} made and proved: {} in {}\n", command.output,
             format_bytes(restored->bytes),
             format_seconds(static_cast<double>(monotonic_time_us() - began_us) / 1e6));
  return ExitCode::ok;
}

}  // namespace understudy
