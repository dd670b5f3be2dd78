#include "bench/latencies.h"

#include <fmt/format.h>

namespace understudy::bench {

double Latencies::quantile_us(double share) const {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values_.size() - 1) + 0.5);
  return static_cast<double>(values_[at]) / 1000.0;
}

std::string Latencies::to_json() {
  if (values_.empty()) {
    return R"({"count":0})";
  }
  std::sort(values_.begin(), values_.end());
  return fmt::format(R"({{"count":{},"p50":{:.1f},"p99":{:.1f},"p999":{:.1f},"max":{:.1f}}})",
                     values_.size(), quantile_us(0.5), quantile_us(0.99), quantile_us(0.999),
                     quantile_us(1.0));
}

}  // namespace understudy::bench
