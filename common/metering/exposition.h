// Exposition: metrics as text, in Prometheus' format 0.0.4. One thread.
#pragma once

#include "common/metering/histogram.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace understudy {

constexpr const char* kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

enum class MetricType { counter, gauge, histogram };

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

class Exposition {
 public:
  // `common`: on every sample. What they point to outlives the object.
  explicit Exposition(Labels common) : common_(std::move(common)) {}

  // All samples of a metric follow its declaration, before the next one.
  void declare(std::string_view name, MetricType type, std::string_view help);
  void add(double value, const Labels& labels = {});
  void add(std::uint64_t value, const Labels& labels = {});
  void add(const LatencyHistogram::Reading& reading);

  [[nodiscard]] std::string take_text() { return std::move(text_); }

 private:
  void write(std::string_view suffix, const Labels& labels, std::string_view value);

  Labels common_;
  std::string name_;
  std::string text_;
};

}  // namespace understudy
