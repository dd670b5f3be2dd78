#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/running_nodes.h"
#include "cli/signal_watch.h"
#include "common/logging/log.h"

#include <fmt/format.h>

namespace understudy {

ExitCode run(const RunCommand& command) {
  auto read = read_config(command.file);
  if (!read.problems.empty()) {
    for (const auto& problem : read.problems) {
      fmt::print(stderr, "{}\n", to_line(command.file, problem));
    }
    return ExitCode::usage;
  }
  log::set_up({command.log_level.value_or(read.config.log_level.value_or(log::Level::info)),
               command.log_format.value_or(read.config.log_format.value_or(log::Format::text))});
  RunningNodes nodes(command.file, std::move(read.config));
  const SignalWatch signals(
      [&nodes](const char* signal) {
        log::info("stopping", "ending cleanly; a second signal ends at once", {{"signal", signal}});
        ServiceNotice::say_stopping();
        nodes.stop();
      },
      [&nodes] { nodes.reload(); });
  const ServiceNotice notice([&nodes] { return nodes.service_state(); });
  return nodes.run();
}

}  // namespace understudy
