#include "common/metering/histogram.h"

#include <numeric>

namespace understudy {

std::uint64_t LatencyHistogram::Reading::count() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

LatencyHistogram::Reading LatencyHistogram::read() const {
  Reading reading;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    reading.counts[i] = counts_[i].load(std::memory_order_relaxed);
  }
  reading.sum_seconds = static_cast<double>(sum_us_.load(std::memory_order_relaxed)) / 1e6;
  return reading;
}

}  // namespace understudy
