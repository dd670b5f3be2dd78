#include "cli/claim.h"
#include "cli/commands.h"
#include "cli/sum_pages.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/logging/progress.h"
#include "common/node/control_client.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <thread>

namespace understudy {
namespace {

constexpr int kAttempts = 10;  // an application's checkpoint goes first so often
ExitCode report(const FoundNode& node, const Claim& claim, StateSum sum, bool is_running) {
  const Position found{claim.position.epoch, claim.position.seq, sum};
  if (sum == claim.position.sum) {
    fmt::print("{}\n", found.to_string());
    fmt::print(stderr, "understudy: {} matches the state on record{}\n", node.database,
               claim.connected ? "" : " (found by its sum; the WAL position is not on record)");
    return ExitCode::ok;
  }
  fmt::print("{}\n", found.to_string());
  fmt::print(stderr, "understudy: {} DIFFERS from the state on record, {}: {}\n", node.database,
             claim.position.to_string(), explain_difference(claim, node, is_running));
  return ExitCode::negative;
}

}  // namespace

ExitCode run(const VerifyCommand& command) {
  const auto node = find_node(command.of);
  if (!std::filesystem::exists(node.database)) {
    throw ConfigError(fmt::format("there is no database {}", node.database));
  }
  const bool is_running = ControlClient(node.directory.control_socket()).status().has_value();
  const auto progress = make_progress();
  PinnedState pinned(node.database);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    pinned.pin();
    const auto claim = find_claim(node, pinned, is_running);
    const auto sum = sum_pages(pinned, claim.at, "verifying", *progress);
    pinned.release();
    if (sum) return report(node, claim, *sum, is_running);
    // The application's checkpoint goes through now.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw SqliteError("verify", node.database, 5,
                    "the application's checkpoints came in between each time; try again later");
}

}  // namespace understudy
