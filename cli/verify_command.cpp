#include "cli/commands.h"
#include "cli/pinned_state.h"
#include "cli/recorded_state.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/logging/progress.h"
#include "common/node/control_client.h"
#include "common/record/page_hash.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <thread>

namespace understudy {
namespace {

constexpr int kAttempts = 10;  // an application's checkpoint goes first so often
constexpr std::int64_t kConnect_us = 2'000'000;
constexpr PageNo kPagesBetweenLooks = 64;

// What is to be proved.
struct Claim {
  Position position;
  wal::Cursor at;          // the prefix to read
  bool connected = false;  // the files say that this very prefix shows the position
};

std::optional<Claim> connect(const FoundNode& node, PinnedState& pinned) {
  if (node.identity.role == NodeRole::standby) {
    const auto cursor = pinned.header().cursor();
    const auto position = find_applied(node, cursor);
    if (!position) return std::nullopt;
    return Claim{*position, cursor, true};
  }
  const auto state = read_backend_position(node);
  if (!state.cursor || !pinned.can_read(*state.cursor)) return std::nullopt;
  return Claim{state.position, *state.cursor, true};
}

// Files and WAL are written one after the other: a running node connects within moments.
Claim find_claim(const FoundNode& node, PinnedState& pinned, bool is_running) {
  const auto deadline_us = monotonic_time_us() + (is_running ? kConnect_us : 0);
  for (;;) {
    if (const auto claim = connect(node, pinned)) return *claim;
    if (pinned.has_waiter() || monotonic_time_us() >= deadline_us) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {read_backend_position(node).position, pinned.header().cursor(), false};
}

// nullopt: gave way to a checkpoint.
std::optional<StateSum> sum_pages(PinnedState& pinned, const wal::Cursor& at, Progress& progress) {
  const auto count = pinned.page_count(at);
  const auto page_size = pinned.page_size();
  progress.begin("verifying", std::uint64_t{count} * page_size, ProgressUnit::bytes);
  Bytes content(page_size);
  StateSum sum = 0;
  for (PageNo page = 1; page <= count && page != 0; ++page) {
    if (page % kPagesBetweenLooks == 0) {
      if (pinned.has_waiter()) return std::nullopt;
      progress.advance(std::uint64_t{page} * page_size);
    }
    if (page == lock_byte_page(page_size)) continue;
    pinned.read_page(page, at.frame, content);
    sum += hash_page(page, content);
  }
  progress.end();
  return sum;
}

std::string explain_difference(const Claim& claim, const FoundNode& node, bool is_running) {
  if (claim.connected) {
    return node.identity.role == NodeRole::primary
               ? "the file does not hold what was recorded: run PRAGMA integrity_check, and look "
                 "for restored or damaged files"
               : "the standby's file is damaged; restart its subscriber, which resyncs it";
  }
  if (is_running) return "the node has not settled yet (scan, repair or resync); try again";
  return node.identity.role == NodeRole::primary
             ? "no publisher runs, and the application wrote on (or the file was changed): start "
               "the publisher, which records the difference"
             : "no subscriber runs, and the file is another state: start it, and it resyncs";
}

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
    const auto sum = sum_pages(pinned, claim.at, *progress);
    pinned.release();
    if (sum) return report(node, claim, *sum, is_running);
    // The application's checkpoint goes through now.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw SqliteError("verify", node.database, 5,
                    "the application's checkpoints came in between each time; try again later");
}

}  // namespace understudy
