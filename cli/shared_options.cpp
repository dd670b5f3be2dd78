#include "cli/shared_options.h"

namespace understudy {

void add_log_options(CLI::App& command, Typed& typed) {
  command
      .add_option("--log-format", typed.log_format, "text (for people) or json (one object a line)")
      ->type_name("FORMAT")
      ->capture_default_str();
  command.add_option("--log-level", typed.log_level, "debug, info, warning, error or off")
      ->type_name("LEVEL")
      ->capture_default_str();
}

void add_node_path(CLI::App& command, Typed& typed) {
  command.add_option("DB", typed.database, "database of the node");
  command.add_option("--state", typed.state_dir, "its state directory (default: DB-understudy)")
      ->type_name("DIR");
}

}  // namespace understudy
