#include "cli/commands.h"
#include "cli/help_text.h"
#include "cli/units.h"
#include "common/core/errors.h"
#include "common/node/identity.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

namespace understudy {
namespace {

// What the user typed, before it is checked.
struct Typed {
  std::string database, state_dir, node;
  std::string listen;
  std::vector<std::string> from;
  bool enable_wal = false, insecure = false, adopt = false, never_lock = false;
  std::string keep_bytes = "1GiB", keep_age = "24h", wal_limit = "1GiB";
  std::uint32_t wal_window = 4000;
  int niceness = 5;
  bool json = false, watch = false;
  Seq seq = 0;
  std::string level = "applied", timeout = "5s";
  std::size_t standbys = 1;
  std::size_t sync = 0;
  std::string sync_level = "durable", sync_timeout = "10s", when_unreplicated = "wait";
  std::string log_format = "text", log_level = "info";
};

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

Endpoint read_endpoint(const char* option, const std::string& text) {
  try {
    return Endpoint::parse(text);
  } catch (const ConfigError& error) {
    throw UsageError(fmt::format("{} {}", option, error.what()));
  }
}

Endpoint read_listen(const Typed& typed) {
  const auto endpoint = read_endpoint("--listen", typed.listen);
  if (!endpoint.is_loopback() && !typed.insecure) {
    throw UsageError(fmt::format(
        "--listen {}: anybody who reaches this address could read the database, since keys come "
        "with a later version; listen on 127.0.0.1 (through a tunnel), or add --insecure when the "
        "network is trusted",
        typed.listen));
  }
  return endpoint;
}

std::int64_t read_duration(const char* option, const std::string& text) {
  const auto value = parse_duration_ms(text);
  if (!value) {
    throw UsageError(
        fmt::format("{} {}: not a duration; write e.g. 500ms, 5s, 2m, 24h or 7d", option, text));
  }
  return *value;
}

std::uint64_t read_size(const char* option, const std::string& text) {
  const auto value = parse_size(text);
  if (!value) {
    throw UsageError(
        fmt::format("{} {}: not a size; write e.g. 4096, 64MiB or 1.5GiB", option, text));
  }
  return *value;
}

RetentionPolicy read_retention(const Typed& typed) {
  RetentionPolicy policy;
  policy.max_bytes = read_size("--keep-bytes", typed.keep_bytes);
  policy.max_age_us = read_duration("--keep-age", typed.keep_age) * 1000;
  return policy;
}

SyncOptions read_sync(const Typed& typed) {
  const auto level = parse_wait_level(typed.sync_level);
  if (!level) {
    throw UsageError(
        fmt::format("--sync-level {}: write received, durable or applied", typed.sync_level));
  }
  const bool degrades = typed.when_unreplicated == "degrade";
  if (!degrades && typed.when_unreplicated != "wait") {
    throw UsageError(
        fmt::format("--when-unreplicated {}: write wait or degrade", typed.when_unreplicated));
  }
  return {.count = typed.sync,
          .level = *level,
          .timeout_ms = read_duration("--sync-timeout", typed.sync_timeout),
          .policy = degrades ? WhenUnreplicated::degrade : WhenUnreplicated::wait};
}

void check_node_name(const Typed& typed) {
  if (!typed.node.empty() && !is_node_name(typed.node)) {
    throw UsageError(fmt::format(
        "--node {}: not a name; use up to 64 of letters, digits, '.', '_' and '-'", typed.node));
  }
}

NodePath read_node_path(const Typed& typed) {
  if (typed.database.empty() && typed.state_dir.empty()) {
    throw UsageError("which node? give its database, or its state directory with --state DIR");
  }
  return {typed.database, typed.state_dir};
}

PublishCommand read_publish(const Typed& typed) {
  check_node_name(typed);
  PublishCommand command{{}, typed.state_dir, typed.node};
  auto& options = command.options;
  options.database = typed.database;
  options.listen = read_listen(typed);
  options.enable_wal = typed.enable_wal;
  options.insecure = typed.insecure;
  options.retention = read_retention(typed);
  options.niceness = typed.niceness;
  options.tail.window_frames = typed.wal_window;
  options.tail.wal_hard_limit_bytes = read_size("--wal-limit", typed.wal_limit);
  options.tail.may_take_write_lock = !typed.never_lock;
  options.sync = read_sync(typed);
  return command;
}

SubscribeCommand read_subscribe(const Typed& typed) {
  check_node_name(typed);
  SubscribeCommand command{{}, typed.state_dir, typed.node};
  auto& options = command.options;
  options.database = typed.database;
  for (const auto& text : typed.from) options.from.push_back(read_endpoint("--from", text));
  if (!typed.listen.empty()) options.listen = read_listen(typed);
  options.insecure = typed.insecure;
  options.adopt = typed.adopt;
  command.sync = read_sync(typed);
  options.retention = read_retention(typed);
  return command;
}

WaitCommand read_wait(const Typed& typed) {
  const auto level = parse_wait_level(typed.level);
  if (!level) {
    throw UsageError(fmt::format("--level {}: write received, durable or applied", typed.level));
  }
  return {read_node_path(typed), typed.seq, *level, typed.standbys,
          read_duration("--timeout", typed.timeout)};
}

log::Options read_log_options(const Typed& typed) {
  const auto level = log::parse_level(typed.log_level);
  if (!level) {
    throw UsageError(
        fmt::format("--log-level {}: write debug, info, warning, error or off", typed.log_level));
  }
  const auto format = log::parse_format(typed.log_format);
  if (!format) {
    throw UsageError(fmt::format("--log-format {}: write text or json", typed.log_format));
  }
  return {*level, *format};
}

void add_log_options(CLI::App& command, Typed& typed) {
  command
      .add_option("--log-format", typed.log_format, "text (for people) or json (one object a line)")
      ->type_name("FORMAT")
      ->capture_default_str();
  command.add_option("--log-level", typed.log_level, "debug, info, warning, error or off")
      ->type_name("LEVEL")
      ->capture_default_str();
}

void add_sync_options(CLI::App& command, Typed& typed) {
  command
      .add_option("--sync", typed.sync,
                  "how many standbys each COMMIT waits for, in applications that load "
                  "understudy_commit")
      ->type_name("N")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command
      .add_option("--sync-level", typed.sync_level,
                  "what such a standby must have done with it: received, durable or applied")
      ->type_name("LEVEL")
      ->capture_default_str();
  command.add_option("--sync-timeout", typed.sync_timeout, "how long such a COMMIT waits")
      ->type_name("TIME")
      ->capture_default_str();
  command
      .add_option("--when-unreplicated", typed.when_unreplicated,
                  "after that: wait (COMMIT answers an error) or degrade (commits go on alone)")
      ->type_name("POLICY")
      ->capture_default_str();
}

void add_node_options(CLI::App& command, Typed& typed) {
  add_sync_options(command, typed);
  command.add_option("--state", typed.state_dir, "state directory (default: DB-understudy)")
      ->type_name("DIR");
  command
      .add_option("--node", typed.node,
                  "name of this node (default: the one on record, else made from the host's)")
      ->type_name("NAME");
  command.add_flag("--insecure", typed.insecure,
                   "let --listen name an address that others can reach, without encryption");
  command.add_option("--keep-bytes", typed.keep_bytes, "most that the queue of records may hold")
      ->type_name("SIZE")
      ->capture_default_str();
  command.add_option("--keep-age", typed.keep_age, "longest that the queue keeps a record")
      ->type_name("TIME")
      ->capture_default_str();
  add_log_options(command, typed);
}

CLI::App* add_publish(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("publish", "stream a live database to standbys");
  command->footer(help::kPublish);
  command->add_option("DB", typed.database, "the application's database")->required();
  command->add_option("--listen", typed.listen, "where standbys connect (this port and the next)")
      ->type_name("ENDPOINT")
      ->default_str("tcp://127.0.0.1:7600");
  command->add_flag("--enable-wal", typed.enable_wal,
                    "switch a rollback-journal database to WAL mode, which replication needs");
  command
      ->add_option("--wal-window", typed.wal_window,
                   "frames in the WAL from which checkpoints are let through")
      ->type_name("FRAMES")
      ->check(CLI::Range(std::uint32_t{100}, std::uint32_t{10'000'000}))
      ->capture_default_str();
  command
      ->add_option("--wal-limit", typed.wal_limit,
                   "WAL size from which the write lock is taken for an instant")
      ->type_name("SIZE")
      ->capture_default_str();
  command
      ->add_option(
          "--nice", typed.niceness,
          "how far the publisher stands back for the application when processors are short")
      ->type_name("0-19")
      ->check(CLI::Range(0, 19))
      ->capture_default_str();
  command->add_flag("--never-lock", typed.never_lock,
                    "never take the write lock; beyond --wal-limit let go and repair instead");
  add_node_options(*command, typed);
  return command;
}

CLI::App* add_subscribe(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("subscribe", "keep a standby of a published database");
  command->footer(help::kSubscribe);
  command->add_option("DB", typed.database, "the standby's database; made when it is not there")
      ->required();
  command->add_option("--from", typed.from, "whom to follow; several, parted by commas")
      ->type_name("ENDPOINT")
      ->delimiter(',')
      ->required();
  command->add_option("--listen", typed.listen, "serve further standbys here (default: do not)")
      ->type_name("ENDPOINT");
  command->add_flag("--adopt", typed.adopt,
                    "make a standby of a database file that is there already: it is OVERWRITTEN");
  add_node_options(*command, typed);
  return command;
}

void add_node_path(CLI::App& command, Typed& typed) {
  command.add_option("DB", typed.database, "database of the node");
  command.add_option("--state", typed.state_dir, "its state directory (default: DB-understudy)")
      ->type_name("DIR");
}

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
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--timeout", typed.timeout, "give up after this: 500ms, 5s, 2m")
      ->type_name("TIME")
      ->capture_default_str();
  return command;
}

struct Commands {
  CLI::App *publish, *subscribe, *status, *verify, *wait;
};

Command choose(const Commands& commands, Typed& typed) {
  if (commands.publish->parsed()) {
    if (typed.listen.empty()) typed.listen = "tcp://127.0.0.1:7600";
    return read_publish(typed);
  }
  if (commands.subscribe->parsed()) return read_subscribe(typed);
  if (commands.status->parsed())
    return StatusCommand{read_node_path(typed), typed.json, typed.watch};
  if (commands.verify->parsed()) return VerifyCommand{read_node_path(typed)};
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
  Typed typed;
  CLI::App app("Understudy keeps hot standbys of a live SQLite database.", "understudy");
  app.footer(help::kProgram);
  app.set_version_flag("--version", "understudy " UNDERSTUDY_VERSION);
  app.require_subcommand(1);
  const Commands commands{add_publish(app, typed), add_subscribe(app, typed),
                          add_status(app, typed), add_verify(app, typed), add_wait(app, typed)};
  if (const auto word = unknown_command(app, argc, argv)) {
    return {{},
            usage_error(fmt::format("there is no command '{}'; see: understudy --help", *word))};
  }
  try {
    app.parse(argc, argv);
    const auto log_options = read_log_options(typed);
    return {log_options, choose(commands, typed)};
  } catch (const CLI::ParseError& error) {
    return {{}, explain(app, error)};
  } catch (const UsageError& error) {
    return {{}, usage_error(error.what())};
  }
}

}  // namespace understudy
