#include "cli/commands.h"
#include "cli/node_path.h"
#include "cli/units.h"
#include "common/backend/backend.h"
#include "common/core/clock.h"
#include "common/core/errors.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace understudy {
namespace {

void print_json(const History& history) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const auto& start : history) {
    out.push_back({{"epoch", start.epoch},
                   {"node", start.node},
                   {"first_seq", start.first_seq},
                   {"state_sum", hex(start.sum)},
                   {"time", utc_text(start.time_us)},
                   {"reason", start.reason}});
  }
  fmt::print("{}\n", out.dump(2));
}

void print_table(const History& history) {
  std::size_t width = 4;
  for (const auto& start : history) width = std::max(width, start.node.size());
  fmt::print("{:>5}  {:<{}}  {:>12}  {:<16}  {:<20}  {}\n", "EPOCH", "NODE", width, "FIRST SEQ",
             "STATE SUM", "WHEN", "WHY");
  for (const auto& start : history) {
    fmt::print("{:>5}  {:<{}}  {:>12}  {:<16}  {:<20}  {}\n", start.epoch, start.node, width,
               start.first_seq, hex(start.sum), utc_text(start.time_us), start.reason);
  }
}

}  // namespace

ExitCode run(const HistoryCommand& command) {
  const auto node = find_node(command.of);
  if (!sqlite_backend_exists(node.directory.backend())) {
    throw ConfigError(
        fmt::format("{} has no log yet: its history begins with the first scan or "
                    "copy",
                    node.database));
  }
  const auto history = open_sqlite_log_reader(node.directory.backend())->history();
  if (command.json)
    print_json(history);
  else
    print_table(history);
  return ExitCode::ok;
}

}  // namespace understudy
