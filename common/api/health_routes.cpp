// What balancers and orchestrators ask: 200 or 503, by the verdict.
#include "common/api/health_verdict.h"
#include "common/api/routes.h"
#include "common/core/heartbeat.h"

#include <nlohmann/json.hpp>

namespace understudy {
namespace {

using Json = nlohmann::ordered_json;
// Loops turn each second. A disk that takes as long as this for one fsync is no better than stuck.
constexpr std::chrono::seconds kStuck{60};

using http::Lane;
using http::Method;
using http::Request;
using http::Response;

struct HealthPath {
  const char* path;
  HealthCheck check;
};
// With the names by which those who come from Patroni know them.
constexpr std::array<HealthPath, 12> kPaths = {{{"/primary", HealthCheck::primary},
                                                {"/leader", HealthCheck::primary},
                                                {"/read-write", HealthCheck::primary},
                                                {"/replica", HealthCheck::replica},
                                                {"/standby", HealthCheck::replica},
                                                {"/read-only", HealthCheck::read_only},
                                                {"/sync", HealthCheck::sync},
                                                {"/synchronous", HealthCheck::sync},
                                                {"/async", HealthCheck::async},
                                                {"/asynchronous", HealthCheck::async},
                                                {"/health", HealthCheck::health},
                                                {"/readiness", HealthCheck::readiness}}};

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Response answer(HealthCheck check, const Status& status, const Request& request) {
  std::optional<LagBound> bound;
  if (request.has("lag")) {
    bound = parse_lag_bound(request.parameter("lag"));
    if (!bound) {
      return http::error_response(
          400, "lag is seconds (5, 0.5s, 500ms), transactions (100tx) or bytes (64KiB, 1MiB)");
    }
  }
  const auto verdict = judge(check, health_facts(status), bound);
  Json body = {{"ok", verdict.ok},
               {"why", verdict.why},
               {"node", status.node},
               {"role", to_string(status.role)},
               {"state", to_string(status.state)},
               {"epoch", status.position.epoch},
               {"seq", status.position.seq},
               {"lag_seconds", or_null(status.lag_seconds)},
               {"lag_transactions", or_null(status.lag_transactions)},
               {"lag_bytes", or_null(status.lag_bytes)}};
  if (check == HealthCheck::health) {
    body["healthy"] = verdict.ok;
    body["last_error"] = status.last_error;
    body["warnings"] = status.warnings;
  }
  Response response;
  response.code = verdict.ok ? 200 : 503;
  if (request.method == Method::options) return response;
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

// Answered by the server's own loop, and asks nobody who may hold a lock for long.
Response answer_liveness(const Request& request) {
  const auto silent = heartbeat::silent_for(kStuck);
  Response response;
  response.code = silent.empty() ? 200 : 503;
  if (request.method == Method::options) return response;
  response.body =
      Json{{"ok", silent.empty()}, {"silent_loops", heartbeat::to_string(silent)}}.dump();
  return response;
}

}  // namespace

void add_health_routes(http::Router& router, const NodeView& node) {
  for (const auto& [path, check] : kPaths) {
    // OPTIONS is what HAProxy asks when it is told nothing else.
    for (const auto method : {Method::get, Method::options}) {
      router.add(method, path, Lane::health, [&node, check = check](const Request& request) {
        return answer(check, node.status(), request);
      });
    }
  }
  for (const auto method : {Method::get, Method::options}) {
    router.add(method, "/liveness", Lane::at_once,
               [](const Request& request) { return answer_liveness(request); });
  }
}

}  // namespace understudy
