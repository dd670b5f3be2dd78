#include "cli/doctor_view.h"

#include "common/logging/line_text.h"
#include "common/logging/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace understudy {
namespace {

using doctor::Mark;
using Json = nlohmann::ordered_json;

std::string_view colour_of(Mark mark) {
  switch (mark) {
    case Mark::ok:
      return "\033[32m";
    case Mark::note:
      return "\033[36m";
    case Mark::warning:
      return "\033[33m\033[1m";
    case Mark::problem:
      break;
  }
  return "\033[31m\033[1m";
}

void print_text(const Examined& one, bool colours) {
  fmt::print("{}\n", log::escape_control(one.database));
  for (const auto& finding : one.findings) {
    fmt::print("  {}{:<8}{} {:<9} {}\n", colours ? colour_of(finding.mark) : "",
               to_string(finding.mark), colours ? "\033[0m" : "", finding.subject,
               log::escape_control(finding.text));
    if (!finding.advice.empty()) {
      fmt::print("  {:<8} {:<9} -> {}\n", "", "", log::escape_control(finding.advice));
    }
  }
}

void print_json(const std::vector<Examined>& all) {
  Json list = Json::array();
  for (const auto& one : all) {
    Json findings = Json::array();
    for (const auto& finding : one.findings) {
      findings.push_back({{"subject", finding.subject},
                          {"mark", to_string(finding.mark)},
                          {"text", finding.text},
                          {"advice", finding.advice}});
    }
    list.push_back({{"database", one.database}, {"findings", std::move(findings)}});
  }
  const Json document = {{"ok", !has_problem(all)}, {"nodes", std::move(list)}};
  fmt::print("{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

void print_examined(const std::vector<Examined>& all, bool json) {
  if (json) {
    print_json(all);
    return;
  }
  const bool colours = Terminal(STDOUT_FILENO).colours();
  for (const auto& one : all) print_text(one, colours);
}

bool has_problem(const std::vector<Examined>& all) {
  return std::ranges::any_of(all, [](const auto& one) {
    return std::ranges::any_of(one.findings,
                               [](const auto& finding) { return finding.mark == Mark::problem; });
  });
}

}  // namespace understudy
