#include "cli/archive_options.h"
#include "cli/config_options.h"
#include "cli/doctor_options.h"
#include "cli/help_text.h"
#include "cli/key_options.h"
#include "cli/lease_options.h"
#include "cli/node_options.h"
#include "cli/recovery_options.h"
#include "cli/self_description.h"
#include "cli/shared_options.h"
#include "cli/typed.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

namespace understudy {
namespace {

CLI::App* add_status(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("status", "say how a node is");
  command->footer(help::kStatus);
  add_node_path(*command, typed);
  command->add_flag("--json", typed.json, "as JSON (schemas/status.schema.json)");
  command->add_flag("--watch", typed.watch, "a live view; q or Ctrl-C ends it");
  return command;
}

CLI::App* add_verify(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("verify", "prove that a database is the state on record");
  command->footer(help::kVerify);
  add_node_path(*command, typed);
  command->get_option("DB")->required();
  add_log_options(*command, typed);
  return command;
}

CLI::App* add_wait(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("wait", "wait until a transaction has arrived");
  command->footer(help::kWait);
  add_node_path(*command, typed);
  command->add_option("--seq", typed.seq, "the transaction's number")->type_name("N")->required();
  command->add_option("--level", typed.level, "received, durable or applied")
      ->type_name("LEVEL")
      ->capture_default_str();
  command
      ->add_option("--standbys", typed.standbys,
                   "how many standbys must have it (asked on a publisher)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000).description(""))
      ->capture_default_str();
  command->add_option("--timeout", typed.timeout, "give up after this: 500ms, 5s, 2m")
      ->type_name("TIME")
      ->capture_default_str();
  return command;
}

CLI::App* add_promote(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("promote", "make a standby the primary");
  command->footer(help::kPromote);
  add_node_path(*command, typed);
  command->add_flag("--dry-run", typed.dry_run, "say what would happen, and change nothing");
  command->add_flag("--force", typed.force, "although transactions may be lost by it");
  return command;
}

CLI::App* add_switchover(CLI::App& app, Typed& typed) {
  auto* command =
      app.add_subcommand("switchover", "move the primary to another node, without loss");
  command->footer(help::kSwitchover);
  add_node_path(*command, typed);
  command->add_option("--to", typed.to, "name of the node that is to lead")
      ->type_name("NODE")
      ->required();
  command->add_flag("--dry-run", typed.dry_run, "say what would happen, and change nothing");
  return command;
}

CLI::App* add_fence(CLI::App& app, Typed& typed, const char* name, const char* what) {
  auto* command = app.add_subcommand(name, what);
  command->footer(help::kFence);
  add_node_path(*command, typed);
  return command;
}

CLI::App* add_history(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("history", "list the epochs: who led, from when, why");
  command->footer(help::kHistory);
  add_node_path(*command, typed);
  command->add_flag("--json", typed.json, "as JSON");
  return command;
}

CLI::App* add_orphans(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("orphans", "look at transactions that no other node has");
  command->footer(help::kOrphans);
  add_node_path(*command, typed);
  command->add_option("ACTION", typed.orphans_action, "list, show, export or discard")
      ->type_name("")
      ->capture_default_str();
  command->add_option("NAME", typed.name, "which of them")->type_name("");
  command->add_option("--output", typed.output, "export: the file to make")->type_name("FILE");
  command->add_flag("--json", typed.json, "as JSON");
  return command;
}

struct Commands {
  CLI::App *publish, *subscribe, *run, *check_config, *doctor, *status, *verify, *wait;
  CLI::App *promote, *switchover, *fence, *unfence, *history, *orphans, *snapshot, *archive,
      *restore, *replay, *log, *keygen, *cluster, *pause, *resume, *reinit;
};

Command choose(const Commands& commands, Typed& typed) {
  if (commands.publish->parsed()) return read_node(typed, NodeRole::primary);
  if (commands.subscribe->parsed()) return read_node(typed, NodeRole::standby);
  if (commands.run->parsed()) return read_run(typed);
  if (commands.check_config->parsed()) return read_check_config(typed);
  if (commands.doctor->parsed()) return read_doctor(typed);
  if (commands.status->parsed())
    return StatusCommand{read_node_path(typed), typed.json, typed.watch};
  if (commands.archive->parsed()) return read_archive(typed);
  if (commands.restore->parsed()) return read_restore(typed);
  if (commands.replay->parsed()) return read_replay(typed);
  if (commands.log->parsed()) return read_log(typed);
  if (commands.keygen->parsed()) return read_keygen(typed);
  if (commands.verify->parsed()) return VerifyCommand{read_node_path(typed)};
  const auto of = read_node_path(typed);
  if (commands.cluster->parsed()) return ClusterCommand{of, typed.json};
  if (commands.pause->parsed()) return PauseCommand{of, true};
  if (commands.resume->parsed()) return PauseCommand{of, false};
  if (commands.reinit->parsed()) return ReinitCommand{of, typed.name};
  if (commands.promote->parsed()) return PromoteCommand{of, typed.force, typed.dry_run};
  if (commands.switchover->parsed()) return SwitchoverCommand{of, typed.to, typed.dry_run};
  if (commands.fence->parsed()) return FenceCommand{of, true};
  if (commands.unfence->parsed()) return FenceCommand{of, false};
  if (commands.history->parsed()) return HistoryCommand{of, typed.json};
  if (commands.orphans->parsed()) return read_orphans(typed);
  if (commands.snapshot->parsed()) return SnapshotCommand{of, typed.output};
  return read_wait(typed);
}

SayCommand usage_error(const std::string& message) {
  return {fmt::format("understudy: {}\n", message), ExitCode::usage};
}

SayCommand explain(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() != 0) {
    const auto chosen = app.get_subcommands();
    const auto name = chosen.empty() ? std::string{} : " " + chosen.front()->get_name();
    return usage_error(fmt::format("{}; see: understudy{} --help", error.what(), name));
  }
  std::ostringstream out, ignored;
  app.exit(error, out, ignored);
  return {out.str(), ExitCode::ok};
}

// The first word, when it is neither an option nor a command.
std::optional<std::string> unknown_command(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return std::nullopt;
  const std::string word = argv[1];
  const auto all = app.get_subcommands([](const CLI::App*) { return true; });
  const bool known =
      std::ranges::any_of(all, [&](const auto* each) { return each->get_name() == word; });
  return known ? std::nullopt : std::optional(word);
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  // `help [COMMAND]` is what many try first.
  if (argc >= 2 && argv[1] == std::string_view("help")) {
    std::vector<const char*> asked{argv[0], argc > 2 ? argv[2] : "--help", "--help"};
    return parse_command_line(static_cast<int>(asked.size()), asked.data());
  }
  Typed typed;
  CLI::App app("Understudy keeps hot standbys of a live SQLite database.", "understudy");
  app.footer(help::kProgram);
  app.set_version_flag("--version", "understudy " UNDERSTUDY_VERSION);
  app.require_subcommand(0, 1);
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  const Commands commands{add_publish(app, typed),
                          add_subscribe(app, typed),
                          add_run(app, typed),
                          add_check_config(app, typed),
                          add_doctor(app, typed),
                          add_status(app, typed),
                          add_verify(app, typed),
                          add_wait(app, typed),
                          add_promote(app, typed),
                          add_switchover(app, typed),
                          add_fence(app, typed, "fence", "keep the application from writing"),
                          add_fence(app, typed, "unfence", "let the application write again"),
                          add_history(app, typed),
                          add_orphans(app, typed),
                          add_snapshot(app, typed),
                          add_archive(app, typed),
                          add_restore(app, typed),
                          add_replay(app, typed),
                          add_log(app, typed),
                          add_keygen(app, typed),
                          add_cluster(app, typed),
                          add_pause(app, typed, true),
                          add_pause(app, typed, false),
                          add_reinit(app, typed)};

  SelfDescription self;
  add_self_description(app, self);
  for (auto* command : app.get_subcommands({})) command->group("Commands");
  self.manual->group("");  // not listed
  if (const auto word = unknown_command(app, argc, argv)) {
    return {{},
            usage_error(fmt::format("there is no command '{}'; see: understudy --help", *word))};
  }
  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) {
      return {{}, usage_error("which command? see: understudy --help")};
    }
    const auto log_options = read_log_options(typed);
    if (auto said = read_self_description(app, self)) return {log_options, *std::move(said)};
    return {log_options, choose(commands, typed)};
  } catch (const CLI::ParseError& error) {
    return {{}, explain(app, error)};
  } catch (const UsageError& error) {
    return {{}, usage_error(error.what())};
  }
}

}  // namespace understudy
