// The routes of the API, a file a subject: each adds its own to a router. What they are given
// outlives the router.
#pragma once

#include "common/api/node_view.h"
#include "common/http/router.h"
#include "common/http/traffic.h"
#include "common/node/command_handler.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace understudy {

// Who may command on a listener.
struct CommandGate {
  enum class Who { everybody, nobody, who_has_the_token };
  Who who = Who::nobody;
  std::string token;
};

// One command at a time, whichever listener it came by.
struct CommandLocks {
  std::mutex command;
  std::mutex snapshot;
};

// What became of the connections of each listener.
struct HttpTraffic {
  std::shared_ptr<http::Traffic> control = std::make_shared<http::Traffic>();
  std::shared_ptr<http::Traffic> port = {};  // null: there is none
};

// /primary, /replica … /liveness
void add_health_routes(http::Router& router, const NodeView& node);
// /status, /cluster, /events
void add_status_routes(http::Router& router, const NodeView& node);
// / (the page)
void add_page_route(http::Router& router);
// /metrics
void add_metrics_route(http::Router& router, const NodeView& node, const HttpTraffic& traffic);
// /wait; `stopping` ends it, `waits` counts those that are waiting on this listener.
void add_wait_route(http::Router& router, const NodeView& node, const std::atomic<bool>& stopping,
                    std::atomic<int>& waits);
// POST of all that changes the node
void add_command_routes(http::Router& router, CommandHandler& commands, CommandLocks& locks,
                        const CommandGate& gate);

}  // namespace understudy
