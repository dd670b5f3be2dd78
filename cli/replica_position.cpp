#include "cli/replica_position.h"

#include "cli/pinned_state.h"
#include "cli/recorded_state.h"
#include "cli/sum_pages.h"
#include "common/backend/log_walk.h"
#include "common/core/errors.h"
#include "replay/replay_plan.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

namespace understudy {
namespace {

constexpr int kAttempts = 10;  // somebody's checkpoint goes first so often

StateSum sum_database(PinnedState& pinned, const std::string& database, Progress& progress) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    pinned.pin();
    const auto sum = sum_pages(pinned, pinned.header().cursor(), "finding its position", progress);
    pinned.release();
    if (sum) return *sum;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw SqliteError("read", database, 5, "checkpoints came in between each time; try again later");
}

std::optional<Position> position_on_record(const FoundNode& node, PinnedState& pinned) {
  pinned.pin();
  const auto position = find_applied(node, pinned.header().cursor());
  pinned.release();
  return position;
}

// Mostly its end: found at once.
std::optional<Position> position_in_own_log(const FoundNode& node, StateSum sum) {
  if (!sqlite_backend_exists(node.directory.backend())) return std::nullopt;
  return find_state(*open_sqlite_log_reader(node.directory.backend()), sum);
}

}  // namespace

Position find_replica_position(const std::string& database, const FoundNode* node, LogChain& chain,
                               Progress& progress) {
  PinnedState pinned(database);
  if (node != nullptr) {
    if (const auto position = position_on_record(*node, pinned)) return *position;
  }
  const auto sum = sum_database(pinned, database, progress);
  if (node != nullptr) {
    if (const auto position = position_in_own_log(*node, sum)) return *position;
  }
  if (const auto position = find_state_in(chain, sum)) return *position;
  throw ConfigError(fmt::format(
      "{} is no state of these logs: its pages sum up to {:016x}, and no record leads there; the "
      "logs have {}; let a subscriber resync it, or restore a new one",
      database, sum, describe_coverage(chain, {})));
}

}  // namespace understudy
