#include "cli/recovery_options.h"

#include "cli/help_text.h"
#include "cli/shared_options.h"

namespace understudy {
namespace {

void add_target(CLI::App& command, Typed& typed) {
  auto* by_seq =
      command.add_option("--to-seq", typed.to_seq, "as of this transaction")->type_name("N");
  command
      .add_option("--to-time", typed.to_time,
                  "as of this time: 2026-11-24T14:03:00Z, or \"15m ago\"")
      ->type_name("TIME")
      ->excludes(by_seq);
}

}  // namespace

CLI::App* add_snapshot(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("snapshot", "make a file to restore a database from");
  command->footer(help::kSnapshot);
  add_node_path(*command, typed);
  command->add_option("--output", typed.output, "the file to make (default: in the node's folder)")
      ->type_name("FILE");
  add_log_options(*command, typed);
  return command;
}

CLI::App* add_restore(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("restore", "make a database as it was at some moment");
  command->footer(help::kRestore);
  command
      ->add_option("--log", typed.logs,
                   "where from: an archive, a state directory, a backend.db or a copy of one, a "
                   "snapshot; may be given several times")
      ->type_name("PATH");
  command->add_option("--state", typed.state_dir, "where from: the state directory of a node")
      ->type_name("DIR");
  command->add_option("--output", typed.output, "the database to make; it must not exist")
      ->type_name("DB")
      ->required();
  add_target(*command, typed);
  command->add_flag("--dry-run", typed.dry_run, "say what would be made, and change nothing");
  add_log_options(*command, typed);
  return command;
}

CLI::App* add_replay(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("replay", "move a replica on by the records of a log");
  command->footer(help::kReplay);
  add_node_path(*command, typed);
  command->get_option("DB")->required();
  command
      ->add_option(
          "--log", typed.logs,
          "where from: an archive, a state directory, or a backend.db or a copy of one; may "
          "be given several times")
      ->type_name("PATH")
      ->required();
  add_target(*command, typed);
  command->add_flag("--dry-run", typed.dry_run, "say what would be done, and change nothing");
  add_log_options(*command, typed);
  return command;
}

CLI::App* add_log(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("log", "look into a queue of records");
  command->footer(help::kLog);
  command
      ->add_option("WHAT", typed.words,
                   "a database, a state directory, a backend.db, an archive or a snapshot (or "
                   "--state); then list, show SEQ, stats or check")
      ->type_name("")
      ->expected(0, 3);
  command->add_option("--state", typed.state_dir, "the state directory of a node")
      ->type_name("DIR");
  command->add_option("--from", typed.range_from, "the first record: its number, or a time")
      ->type_name("N|TIME");
  command->add_option("--to", typed.range_to, "the last record: its number, or a time")
      ->type_name("N|TIME");
  command->add_flag("--follow", typed.follow, "list: go on with what comes; Ctrl-C ends it");
  command->add_flag("--no-tables", typed.no_tables,
                    "do not read the database to tell whose pages were changed");
  command->add_flag("--json", typed.json, "as JSON, one object a line");
  return command;
}

}  // namespace understudy
