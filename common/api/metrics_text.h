// metrics_text(): what a node knows of itself, for Prometheus. Pure: readings in, text out. Which
// metrics there are and what to do about them: docs/OPERATING.md, which a test holds against this.
#pragma once

#include "common/api/cluster_status.h"
#include "common/http/traffic.h"
#include "common/logging/recent_events.h"
#include "common/metering/meters.h"
#include "common/node/status.h"
#include "common/security/denials.h"

#include <string>
#include <string_view>
#include <vector>

namespace understudy {

struct ProcessReading {
  double started_at = 0;  // Unix time, seconds
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_descriptors = 0;
};
[[nodiscard]] ProcessReading read_process();

struct HttpReading {
  std::string_view listener;  // "control", "port"
  http::Traffic::Reading traffic;
};

struct MetricsReading {
  Status status;
  ClusterStatus cluster;
  LatencyHistogram::Reading append;
  LatencyHistogram::Reading capture_to_durable;
  LatencyHistogram::Reading apply;
  std::uint64_t resyncs = 0;
  std::uint64_t catch_ups = 0;
  std::uint64_t reconnects = 0;
  Denials::Counts denials{};
  std::vector<HttpReading> http;
  std::vector<log::EventCount> events;
  ProcessReading process;
  std::int64_t now_us = 0;  // Unix time
};

[[nodiscard]] std::string metrics_text(const MetricsReading& reading);

}  // namespace understudy
