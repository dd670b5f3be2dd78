// What is known, as JSON, and as a stream of events.
#include "common/api/log_feed.h"
#include "common/api/routes.h"

namespace understudy {

using http::Lane;
using http::Method;
using http::Request;
using http::Response;

void add_status_routes(http::Router& router, const NodeView& node) {
  router.add(Method::get, "/status", Lane::quick, [&node](const Request&) {
    Response response;
    response.body = to_json(node.status());
    return response;
  });
  router.add(Method::get, "/cluster", Lane::quick, [&node](const Request&) {
    Response response;
    response.body = to_json(node.cluster());
    return response;
  });
  router.add(Method::get, "/events", Lane::quick, [](const Request& request) {
    Response response;
    response.type = "text/event-stream";
    response.events_after = LogFeed::number_of(request.last_event_id);
    return response;
  });
}

}  // namespace understudy
