#include "cli/log_view.h"

#include "common/core/clock.h"
#include "common/logging/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace understudy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kTablesNamed = 4;  // in one line

void print_json(const Json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::fflush(stdout);
}

Json to_json(const LogSum& sum) {
  return {{"records", sum.records}, {"pages", sum.changes}, {"bytes", sum.bytes}};
}

void print_sum(const std::string& what, std::size_t width, const LogSum& sum) {
  fmt::print("{:<{}}  {:>10}  {:>10}  {:>10}\n", what, width, sum.records, sum.changes,
             format_bytes(sum.bytes));
}

void print_sum_header(const char* what, std::size_t width) {
  fmt::print("{:<{}}  {:>10}  {:>10}  {:>10}\n", what, width, "RECORDS", "PAGES", "BYTES");
}

}  // namespace

std::string LogView::tables_of(const LogLine& line) const {
  std::vector<std::pair<std::uint64_t, std::size_t>> most;
  for (const auto& [index, changes] : line.owners) most.emplace_back(changes, index);
  std::ranges::sort(most, std::ranges::greater());
  std::string text;
  for (std::size_t i = 0; i < std::min(most.size(), kTablesNamed); ++i) {
    text += (text.empty() ? "" : ", ") + owners_->name(most[i].second);
  }
  if (most.size() > kTablesNamed) text += fmt::format(" and {} more", most.size() - kTablesNamed);
  return text;
}

void LogView::print(const LogLine& line) {
  if (json_) {
    Json object{{"seq", line.seq},
                {"epoch", line.epoch},
                {"time", utc_text(line.time_us)},
                {"time_us", line.time_us},
                {"kind", to_string(line.kind)},
                {"pages", line.changes},
                {"bytes", line.bytes},
                {"page_count", line.page_count},
                {"state_sum", fmt::format("{:016x}", line.sum)}};
    if (owners_ != nullptr) {
      auto& tables = object["tables"] = Json::object();
      for (const auto& [index, changes] : line.owners) tables[owners_->name(index)] = changes;
    }
    return print_json(object);
  }
  if (!std::exchange(has_header_, true)) {
    fmt::print("{:>10}  {:>5}  {:<20}  {:<11}  {:>7}  {:>10}{}\n", "SEQ", "EPOCH", "TIME", "KIND",
               "PAGES", "BYTES", owners_ == nullptr ? "" : "  TABLES");
  }
  const auto tables = tables_of(line);
  fmt::print("{:>10}  {:>5}  {:<20}  {:<11}  {:>7}  {:>10}{}{}\n", line.seq, line.epoch,
             utc_text(line.time_us), to_string(line.kind), line.changes, line.bytes,
             tables.empty() ? "" : "  ", tables);
  std::fflush(stdout);
}

void LogView::print_changes(const RecordPart& part) {
  if (part.opening && !json_) {
    fmt::print("opens epoch {}: node {}, {}\n", part.header.epoch, part.opening->node,
               part.opening->reason);
  }
  if (part.header.part == 0 && !json_ && !part.changes.empty()) {
    fmt::print("{:>10}  {:<8}  {:>8}  {:<16}{}\n", "PAGE", "AS", "BYTES", "HASH",
               owners_ == nullptr ? "" : "  TABLE");
  }
  for (const auto& change : part.changes) {
    const auto* as = change.encoding == PageEncoding::whole ? "whole" : "delta";
    const auto hash = fmt::format("{:016x}", change.hash);
    if (json_) {
      Json object{{"page", change.page}, {"as", as}, {"bytes", change.body.size()}, {"hash", hash}};
      if (owners_ != nullptr) object["table"] = owners_->name_of(change.page);
      print_json(object);
    } else {
      fmt::print("{:>10}  {:<8}  {:>8}  {:<16}{}{}\n", change.page, as, change.body.size(), hash,
                 owners_ == nullptr ? "" : "  ",
                 owners_ == nullptr ? "" : owners_->name_of(change.page));
    }
  }
}

void LogView::print(const LogStats& stats) const {
  if (json_) {
    Json object{{"total", to_json(stats.total())}};
    auto& hours = object["hours"] = Json::array();
    for (const auto& [hour_s, sum] : stats.by_hour()) {
      auto each = to_json(sum);
      each["hour"] = utc_text(hour_s * 1'000'000);
      hours.push_back(std::move(each));
    }
    auto& tables = object["tables"] = Json::array();
    for (const auto& table : stats.by_table()) {
      auto each = to_json(table.sum);
      each["table"] = table.name;
      tables.push_back(std::move(each));
    }
    return print_json(object);
  }
  const auto by_table = stats.by_table();
  std::size_t width = 20;
  for (const auto& table : by_table) width = std::max(width, table.name.size());
  print_sum_header("HOUR", width);
  for (const auto& [hour_s, sum] : stats.by_hour()) {
    print_sum(utc_text(hour_s * 1'000'000), width, sum);
  }
  print_sum("all", width, stats.total());
  if (by_table.empty()) return;
  fmt::print("\n");
  print_sum_header("TABLE", width);
  for (const auto& table : by_table) print_sum(table.name, width, table.sum);
}

namespace {

std::string describe(const LogDamage& damage) {
  return damage.from == damage.until
             ? fmt::format("record {}: {}", damage.from, damage.what)
             : fmt::format("records {} to {}: {}", damage.from, damage.until, damage.what);
}

Json to_json(const LogDamage& damage) {
  return {{"from", damage.from}, {"until", damage.until}, {"what", damage.what}};
}

}  // namespace

void print_proof(const std::string& file, const LogProof& proof, bool json) {
  if (json) {
    Json object{{"file", file},
                {"whole", proof.damages.empty()},
                {"base", proof.base.to_string()},
                {"last", proof.last.to_string()},
                {"records", proof.records},
                {"bytes", proof.bytes}};
    auto& damages = object["damages"] = Json::array();
    for (const auto& each : proof.damages) {
      damages.push_back(to_json(each));
    }
    return print_json(object);
  }
  for (const auto& each : proof.damages) {
    fmt::print("DAMAGED  {}: {}\n", file, describe(each));
  }
  const auto records = proof.base.seq == proof.last.seq
                           ? fmt::format("no records behind {}", proof.base.seq)
                           : fmt::format("{} records proved, {} to {}", proof.records,
                                         proof.base.seq + 1, proof.last.seq);
  fmt::print("{}  {}: {}, {}\n", proof.damages.empty() ? "whole  " : "DAMAGED", file, records,
             format_bytes(proof.bytes));
}

namespace {

void print_archive_json(const std::string& folder, const ArchiveProof& proof) {
  Json object{{"file", folder}, {"whole", proof.is_whole()}, {"segments", proof.segments}};
  auto& damages = object["damages"] = Json::array();
  for (const auto& each : proof.problems) {
    damages.push_back(to_json(each.damage));
    damages.back()["file"] = each.file;
  }
  auto& runs = object["runs"] = Json::array();
  for (const auto& run : proof.runs) {
    runs.push_back({{"base", run.base.to_string()},
                    {"last", run.last.to_string()},
                    {"records", run.records},
                    {"bytes", run.bytes}});
    for (const auto& each : run.damages) damages.push_back(to_json(each));
  }
  auto& gaps = object["gaps"] = Json::array();
  for (const auto& each : proof.gaps) gaps.push_back(to_json(each));
  object["branches"] = proof.branches;
  object["fork"] = proof.fork ? Json(*proof.fork) : Json(nullptr);
  print_json(object);
}

}  // namespace

void print_proof(const std::string& folder, const ArchiveProof& proof, bool json) {
  if (json) return print_archive_json(folder, proof);
  for (const auto& each : proof.problems) {
    fmt::print("DAMAGED  {}: {}\n", each.file, describe(each.damage));
  }
  for (const auto& run : proof.runs) {
    for (const auto& each : run.damages) fmt::print("DAMAGED  {}\n", describe(each));
  }
  for (const auto& each : proof.gaps) fmt::print("MISSING  {}\n", describe(each));
  if (proof.fork) fmt::print("FORKED   {}\n", *proof.fork);
  for (const auto& each : proof.branches) fmt::print("branch   {}\n", each);
  for (const auto& run : proof.runs) {
    fmt::print("run      {} records proved, {} to {}, {}\n", run.records, run.base.seq + 1,
               run.last.seq, format_bytes(run.bytes));
  }
  fmt::print("{}  {}: {} segments\n", proof.is_whole() ? "whole  " : "DAMAGED", folder,
             proof.segments);
}

void print_snapshot_check(const std::string& file, const std::optional<std::string>& problem,
                          bool json) {
  if (json) {
    print_json({{"file", file}, {"whole", !problem}, {"problem", problem.value_or("")}});
  } else if (problem) {
    fmt::print("DAMAGED  {}: {}\n", file, *problem);
  } else {
    fmt::print("whole    {}\n", file);
  }
}

}  // namespace understudy
