#include "cli/commands.h"
#include "cli/node_path.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/orphans/orphans.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace understudy {
namespace {

void print_json(const std::vector<OrphansSummary>& all) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const auto& each : all) {
    out.push_back({{"name", each.name},
                   {"path", each.path},
                   {"problem", each.problem},
                   {"node", each.node},
                   {"fork", each.fork.to_string()},
                   {"last", each.last.to_string()},
                   {"records", each.records},
                   {"bytes", each.bytes},
                   {"pages", each.pages},
                   {"kept", utc_text(each.kept_us)},
                   {"why", each.why}});
  }
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

ExitCode list(const std::string& folder, bool json) {
  const auto all = list_orphans(folder);
  if (json) {
    print_json(all);
    return ExitCode::ok;
  }
  if (all.empty()) fmt::print("no orphans: nothing that this node had was given up\n");
  for (const auto& each : all) {
    if (!each.problem.empty()) {
      fmt::print("{}\n    damaged: {}\n", each.name, each.problem);
      continue;
    }
    fmt::print("{}\n    {} transactions, seq {} to {} of epoch {}, {} pages, {} bytes\n", each.name,
               each.records, each.fork.seq + 1, each.last.seq, each.last.epoch, each.pages,
               each.bytes);
    fmt::print("    kept {}: {}\n", utc_text(each.kept_us), each.why);
  }
  return ExitCode::ok;
}

ExitCode show(const std::string& folder, const std::string& name) {
  fmt::print("{:>12}  {:<20}  {:>8}  {:>10}\n", "SEQ", "TIME", "PAGES", "BYTES");
  show_orphans(folder, name, [](const RecordSummary& record) {
    fmt::print("{:>12}  {:<20}  {:>8}  {:>10}\n", record.seq, utc_text(record.time_us),
               record.pages.size(), record.bytes);
    return true;
  });
  return ExitCode::ok;
}

ExitCode export_to(const std::string& folder, const std::string& name, const std::string& output) {
  const auto exported = export_orphans(folder, name, output);
  fmt::print("{}: {} transactions, {} pages", output, exported.records, exported.pages);
  if (exported.pages_unknown != 0) {
    fmt::print(" ({} more changed, whose content is not known)", exported.pages_unknown);
  }
  fmt::print("\n");
  return ExitCode::ok;
}

}  // namespace

std::optional<OrphansAction> parse_orphans_action(std::string_view text) {
  if (text == "list") return OrphansAction::list;
  if (text == "show") return OrphansAction::show;
  if (text == "export") return OrphansAction::export_pages;
  if (text == "discard") return OrphansAction::discard;
  return std::nullopt;
}

ExitCode run(const OrphansCommand& command) {
  const auto folder = find_node(command.of).directory.path() + "/orphans";
  switch (command.action) {
    case OrphansAction::list:
      return list(folder, command.json);
    case OrphansAction::show:
      return show(folder, command.name);
    case OrphansAction::export_pages:
      return export_to(folder, command.name, command.output);
    case OrphansAction::discard:
      break;
  }
  discard_orphans(folder, command.name);
  fmt::print("{} is discarded\n", command.name);
  return ExitCode::ok;
}

}  // namespace understudy
