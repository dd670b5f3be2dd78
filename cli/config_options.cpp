#include "cli/config_options.h"

#include "cli/help_text.h"

namespace understudy {

CLI::App* add_run(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("run", "run the nodes that a configuration file names");
  command->footer(help::kRun);
  command->add_option("--config", typed.config_file, "the file")->type_name("FILE")->required();
  command
      ->add_option("--log-format", typed.run_log_format,
                   "text or json, whatever the file says (default: as it says, else text)")
      ->type_name("FORMAT");
  command
      ->add_option("--log-level", typed.run_log_level,
                   "debug, info, warning, error or off, whatever the file says")
      ->type_name("LEVEL");
  return command;
}

CLI::App* add_check_config(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("check-config", "say what is wrong in a configuration file");
  command->footer(help::kCheckConfig);
  command->add_option("FILE", typed.config_file, "the file");
  command->add_flag(
      "--schema", typed.schema,
      "print the JSON Schema of such files, for editors (schemas/config.schema.json)");
  return command;
}

}  // namespace understudy
