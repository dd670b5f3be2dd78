#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/config_schema.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

void print_nodes(const std::vector<ConfiguredNode>& nodes) {
  std::size_t width = std::string_view("database").size();
  for (const auto& node : nodes) {
    width = std::max(width, node.command.options.node.database.size());
  }
  fmt::print("{:<{}}  {:<9}  {:<24}  {}\n", "database", width, "role", "listens on", "peers");
  for (const auto& node : nodes) {
    const auto& options = node.command.options;
    std::string peers;
    for (const auto& peer : options.peers) peers += (peers.empty() ? "" : ",") + peer.to_string();
    fmt::print("{:<{}}  {:<9}  {:<24}  {}\n", options.node.database, width,
               options.node.role == NodeRole::primary ? "publish" : "subscribe",
               options.follow.listen ? options.follow.listen->to_string() : "-",
               peers.empty() ? "-" : peers);
  }
}

}  // namespace

ExitCode run(const CheckConfigCommand& command) {
  if (command.schema) {
    fmt::print("{}", config_schema());
    return ExitCode::ok;
  }
  const auto read = read_config(command.file);
  for (const auto& problem : read.problems) {
    fmt::print(stderr, "{}\n", to_line(command.file, problem));
  }
  if (!read.problems.empty()) return ExitCode::usage;
  print_nodes(read.config.nodes);
  return ExitCode::ok;
}

}  // namespace understudy
