#include "cli/run_node.h"

#include "cli/service_notice.h"
#include "cli/signal_watch.h"
#include "common/logging/log.h"

#include <fmt/format.h>

namespace understudy {
namespace {

void warn_of_open_port(const std::optional<Endpoint>& listen) {
  if (!listen || listen->is_loopback()) return;
  log::warning("insecure_listen", "anybody who reaches this address can read the database",
               {{"listen", listen->to_string()}});
}

}  // namespace

std::string line_for_service(const Status& status) {
  return fmt::format("{}: {}, {}, position {}", status.node, to_string(status.role),
                     to_string(status.state), status.position.to_string());
}

ExitCode run_node(SupervisorOptions options) {
  const auto listen = options.follow.listen;
  Supervisor supervisor(std::move(options));
  const SignalWatch signals([&supervisor](const char* signal) {
    log::info("stopping", "ending cleanly; a second signal ends at once", {{"signal", signal}});
    ServiceNotice::say_stopping();
    supervisor.stop();
  });
  const ServiceNotice notice([&supervisor] {
    return ServiceState{supervisor.is_up(), line_for_service(supervisor.status())};
  });
  warn_of_open_port(listen);
  supervisor.run();
  return ExitCode::ok;
}

}  // namespace understudy
