#include "common/api/api.h"

#include "common/api/log_feed.h"
#include "common/api/routes.h"
#include "common/core/errors.h"
#include "common/http/server.h"
#include "common/logging/log.h"
#include "common/node/control_path.h"

#include <fmt/format.h>
#include <unistd.h>

namespace understudy {
namespace {

// What a listener answers, and by what it ends.
class Listener {
 public:
  Listener(http::ServerOptions options, const CommandGate& gate, const NodeView& node,
           CommandHandler& commands, CommandLocks& locks, http::EventFeed& feed,
           const HttpTraffic& traffic) {
    add_health_routes(router_, node);
    add_status_routes(router_, node);
    add_page_route(router_);
    add_metrics_route(router_, node, traffic);
    add_wait_route(router_, node, stopping_, waits_);
    add_command_routes(router_, commands, locks, gate);
    server_.emplace(std::move(options), router_, feed);
  }
  ~Listener() { stopping_ = true; }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<int> waits_{0};
  http::Router router_;
  std::optional<http::Server> server_;  // last: it asks all of the above
};

CommandGate gate_of(const HttpOptions& options) {
  if (options.token.empty()) return {CommandGate::Who::nobody, {}};
  return {CommandGate::Who::who_has_the_token, options.token};
}

http::ServerOptions tcp_options(const HttpOptions& options,
                                const std::shared_ptr<http::Traffic>& traffic) {
  http::ServerOptions server{.name = "http", .tls = options.certificate, .traffic = traffic};
  // A handshake takes a millisecond of a processor.
  if (server.tls) server.accepts_per_second = 200;
  server.listening = http::listen_on(options.address);
  return server;
}

void say_listening(const HttpOptions& options) {
  const bool is_tls = !options.certificate_file.empty();
  log::info("http_listening", "answers over HTTP",
            {{"address", options.address.to_string()},
             {"tls", is_tls},
             {"commands", !options.token.empty()}});
  if (options.address.is_loopback() || is_tls) return;
  log::warning("insecure_http",
               "anybody who reaches this address can read the node's state, unencrypted; "
               "give --http-cert and --http-key, or listen on loopback behind a proxy",
               {{"address", options.address.to_string()}});
}

}  // namespace

void check_http_options(const HttpOptions& options) {
  if (options.certificate_file.empty() != options.key_file.empty()) {
    throw ConfigError("--http-cert and --http-key belong together: give both");
  }
  const bool is_tls = !options.certificate_file.empty();
  if (!options.token.empty() && !is_tls && !options.address.is_loopback()) {
    throw ConfigError(fmt::format(
        "--http {}: a token would cross the network in the clear; give --http-cert and "
        "--http-key, or listen on loopback, or leave the token out (then nothing can be "
        "commanded there)",
        options.address.to_string()));
  }
}

std::shared_ptr<http::TlsFiles> open_certificate(const HttpOptions& options) {
  check_http_options(options);
  if (options.certificate_file.empty()) return nullptr;
  return std::make_shared<http::TlsFiles>(options.certificate_file, options.key_file);
}

class Api::Listeners {
 public:
  Listeners(const ApiOptions& options, const NodeView& node, CommandHandler& commands)
      : path_(options.control_socket), short_path_(path_), feed_(node) {
    if (options.http) traffic_.port = std::make_shared<http::Traffic>();
    http::ServerOptions unix_socket{.name = "control",
                                    .listening = http::listen_on_path(short_path_.get(), path_),
                                    .traffic = traffic_.control,
                                    .accepts_per_second = 5000};
    control_.emplace(std::move(unix_socket), CommandGate{CommandGate::Who::everybody, {}}, node,
                     commands, locks_, feed_, traffic_);
    if (!options.http) return;
    check_http_options(*options.http);
    http_.emplace(tcp_options(*options.http, traffic_.port), gate_of(*options.http), node, commands,
                  locks_, feed_, traffic_);
    say_listening(*options.http);
  }
  ~Listeners() {
    http_.reset();
    control_.reset();
    ::unlink(short_path_.get().c_str());
  }
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

 private:
  const std::string path_;
  SocketPath short_path_;
  CommandLocks locks_;
  HttpTraffic traffic_;
  LogFeed feed_;
  std::optional<Listener> control_;
  std::optional<Listener> http_;
};

Api::Api(const ApiOptions& options, const NodeView& node, CommandHandler& commands)
    : listeners_(std::make_unique<Listeners>(options, node, commands)) {}
Api::~Api() = default;

}  // namespace understudy
