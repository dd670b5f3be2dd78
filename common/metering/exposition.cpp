#include "common/metering/exposition.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

namespace understudy {
namespace {

std::string escape(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

constexpr std::string_view name_of(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      break;
  }
  return "histogram";
}

}  // namespace

void Exposition::declare(std::string_view name, MetricType type, std::string_view help) {
  name_ = name;
  text_ +=
      fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escape(help, false), name, name_of(type));
}

void Exposition::write(std::string_view suffix, const Labels& labels, std::string_view value) {
  std::string list;
  for (const auto* part : std::array{&std::as_const(common_), &labels}) {
    for (const auto& [label, content] : *part) {
      if (!list.empty()) list += ',';
      list += fmt::format("{}=\"{}\"", label, escape(content, true));
    }
  }
  text_ += name_;
  text_ += suffix;
  if (!list.empty()) text_ += "{" + list + "}";
  text_ += fmt::format(" {}\n", value);
}

void Exposition::add(double value, const Labels& labels) {
  write("", labels, number(value));
}

void Exposition::add(std::uint64_t value, const Labels& labels) {
  write("", labels, fmt::format("{}", value));
}

void Exposition::add(const LatencyHistogram::Reading& reading) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < reading.counts.size(); ++i) {
    count += reading.counts[i];
    const bool is_last = i == LatencyHistogram::kUpTo_us.size();
    const auto up_to =
        is_last ? "+Inf" : number(static_cast<double>(LatencyHistogram::kUpTo_us[i]) / 1e6);
    write("_bucket", {{"le", up_to}}, fmt::format("{}", count));
  }
  write("_sum", {}, number(reading.sum_seconds));
  write("_count", {}, fmt::format("{}", count));
}

}  // namespace understudy
