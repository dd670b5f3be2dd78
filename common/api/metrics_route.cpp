// GET /metrics: for Prometheus.
#include "common/api/metrics_text.h"
#include "common/api/routes.h"
#include "common/core/clock.h"
#include "common/metering/exposition.h"

namespace understudy {
namespace {

std::vector<HttpReading> read_traffic(const HttpTraffic& traffic) {
  std::vector<HttpReading> readings{{"control", traffic.control->read()}};
  if (traffic.port) readings.push_back({"port", traffic.port->read()});
  return readings;
}

}  // namespace

void add_metrics_route(http::Router& router, const NodeView& node, const HttpTraffic& traffic) {
  router.add(http::Method::get, "/metrics", http::Lane::quick,
             [&node, &traffic](const http::Request&) {
               const auto& meters = node.meters();
               const MetricsReading reading{.status = node.status(),
                                            .cluster = node.cluster(),
                                            .append = meters.append.read(),
                                            .capture_to_durable = meters.capture_to_durable.read(),
                                            .apply = meters.apply.read(),
                                            .resyncs = meters.resyncs,
                                            .catch_ups = meters.catch_ups,
                                            .reconnects = meters.reconnects,
                                            .denials = node.denials(),
                                            .http = read_traffic(traffic),
                                            .events = log::event_counts(),
                                            .process = read_process(),
                                            .now_us = unix_time_us()};
               http::Response response;
               response.type = kExpositionType;
               response.body = metrics_text(reading);
               return response;
             });
}

}  // namespace understudy
