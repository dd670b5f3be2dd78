#include "cli/doctor_options.h"

#include "cli/help_text.h"
#include "cli/key_options.h"
#include "cli/shared_options.h"

namespace understudy {

CLI::App* add_doctor(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("doctor", "look at all that can be wrong around a node");
  command->footer(help::kDoctor);
  add_node_path(*command, typed);
  command
      ->add_option("--config", typed.config_file,
                   "the databases of this file (or the one named), with what it says of them")
      ->type_name("FILE");
  command->add_option("--listen", typed.listen, "where the node listens, or is to listen")
      ->type_name("ENDPOINT");
  command->add_option("--peers", typed.peers, "the nodes that it must reach, parted by commas")
      ->type_name("ENDPOINT")
      ->delimiter(',');
  add_key_options(*command, typed);
  command->add_option("--keep-bytes", typed.keep_bytes, "most that its queue of records may hold")
      ->type_name("SIZE")
      ->capture_default_str();
  command->add_option("--wal-limit", typed.wal_limit, "how large the WAL may grow")
      ->type_name("SIZE")
      ->capture_default_str();
  command->add_flag("--json", typed.json, "as JSON");
  return command;
}

DoctorCommand read_doctor(const Typed& typed) {
  if (typed.database.empty() && typed.state_dir.empty() && typed.config_file.empty()) {
    throw UsageError("doctor: of what? give a database, or --config FILE");
  }
  DoctorCommand command{.of = {typed.database, typed.state_dir},
                        .config_file = typed.config_file,
                        .listen = {},
                        .peers = read_endpoints("--peers", typed.peers),
                        .keys = read_key_files(typed)};
  if (!typed.listen.empty()) command.listen = read_endpoint("--listen", typed.listen);
  command.keep_bytes = read_size("--keep-bytes", typed.keep_bytes);
  command.wal_limit_bytes = read_size("--wal-limit", typed.wal_limit);
  command.json = typed.json;
  return command;
}

}  // namespace understudy
