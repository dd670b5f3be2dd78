#include "cli/node_options.h"

#include "cli/archive_options.h"
#include "cli/help_text.h"
#include "cli/key_options.h"
#include "cli/lease_options.h"
#include "cli/shared_options.h"
#include "common/core/errors.h"

#include <CLI/CLI.hpp>

namespace understudy {
namespace {

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

void add_cluster_options(CLI::App& command, Typed& typed) {
  command
      .add_option("--peers", typed.peers,
                  "all nodes of the cluster, parted by commas (this one may be among them)")
      ->type_name("ENDPOINT")
      ->delimiter(',');
  command
      .add_option("--before-promote", typed.before_promote,
                  "runs before this node is promoted; its failure forbids it")
      ->type_name("CMD");
  command.add_option("--on-promote", typed.on_promote, "runs once this node leads")
      ->type_name("CMD");
  command.add_option("--on-demote", typed.on_demote, "runs once this node no longer leads")
      ->type_name("CMD");
  command.add_option("--hook-timeout", typed.hook_timeout, "after this a hook is killed")
      ->type_name("TIME")
      ->capture_default_str();
}

// How a primary follows its application's WAL; a standby may become one.
void add_capture_options(CLI::App& command, Typed& typed) {
  command
      .add_option("--wal-window", typed.wal_window,
                  "frames in the WAL from which checkpoints are let through")
      ->type_name("FRAMES")
      ->check(CLI::Range(std::uint32_t{100}, std::uint32_t{10'000'000}).description(""))
      ->capture_default_str();
  command
      .add_option("--wal-limit", typed.wal_limit,
                  "WAL size from which the write lock is taken for an instant")
      ->type_name("SIZE")
      ->capture_default_str();
  command
      .add_option("--nice", typed.niceness,
                  "how far a primary's node stands back for the application when processors are "
                  "short")
      ->type_name("0-19")
      ->check(CLI::Range(0, 19).description(""))
      ->capture_default_str();
  command.add_flag("--never-lock", typed.never_lock,
                   "never take the write lock; beyond --wal-limit let go and repair instead");
}

void add_retention_options(CLI::App& command, Typed& typed) {
  command.add_option("--keep-bytes", typed.keep_bytes, "most that the queue of records may hold")
      ->type_name("SIZE")
      ->capture_default_str();
  command.add_option("--keep-age", typed.keep_age, "longest that the queue keeps a record")
      ->type_name("TIME")
      ->capture_default_str();
  command
      .add_option("--snapshot-every", typed.snapshot_every,
                  "how often a snapshot is taken, to restore from; or off")
      ->type_name("TIME")
      ->capture_default_str();
}

void add_http_options(CLI::App& command, Typed& typed) {
  command
      .add_option("--http", typed.http,
                  "answer health, status, metrics and the page there (default: only on the "
                  "control socket)")
      ->type_name("HOST:PORT");
  command
      .add_option("--http-token-file", typed.http_token_file,
                  "a secret that lets who brings it command the node over --http (or "
                  "UNDERSTUDY_HTTP_TOKEN)")
      ->type_name("FILE");
  command.add_option("--http-cert", typed.http_cert, "certificate (PEM, chain included): TLS")
      ->type_name("FILE");
  command.add_option("--http-key", typed.http_key, "its key")->type_name("FILE");
}

// All that counts in both roles.
void add_node_options(CLI::App& command, Typed& typed) {
  command.add_option("--state", typed.state_dir, "state directory (default: DB-understudy)")
      ->type_name("DIR");
  command
      .add_option("--node", typed.node,
                  "name of this node (default: the one on record, else made from the host's)")
      ->type_name("NAME");
  add_key_options(command, typed);
  command.add_flag("--insecure", typed.insecure,
                   "let --listen name an address that others can reach, without keys");
  add_cluster_options(command, typed);
  add_lease_options(command, typed);
  add_sync_options(command, typed);
  add_capture_options(command, typed);
  add_retention_options(command, typed);
  add_http_options(command, typed);
  add_archive_options(command, typed);
  add_log_options(command, typed);
}

}  // namespace

CLI::App* add_publish(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("publish", "stream a live database to standbys");
  command->footer(help::kPublish);
  command->add_option("DB", typed.database, "the application's database")->required();
  command->add_option("--listen", typed.listen, "where standbys connect (this port and the next)")
      ->type_name("ENDPOINT")
      ->default_str("tcp://127.0.0.1:7600");
  command->add_flag("--enable-wal", typed.enable_wal,
                    "switch a rollback-journal database to WAL mode, which replication needs");
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
      ->delimiter(',');
  command->add_option("--listen", typed.listen, "serve further standbys here (default: do not)")
      ->type_name("ENDPOINT");
  command->add_flag("--adopt", typed.adopt,
                    "make a standby of a database file that is there already: it is OVERWRITTEN");
  add_node_options(*command, typed);
  return command;
}

namespace {

CLI::App* add_node(CLI::App& app, Typed& typed, NodeRole role) {
  return role == NodeRole::primary ? add_publish(app, typed) : add_subscribe(app, typed);
}

}  // namespace

std::vector<DescribedOption> node_options(NodeRole role) {
  Typed typed;
  CLI::App app;
  auto options = describe_options(*add_node(app, typed, role));
  std::erase_if(options, [](const auto& option) {
    return option.is_positional || option.name == "--help" || option.name.starts_with("--log-");
  });
  return options;
}

NodeCommand read_node_words(NodeRole role, const std::vector<std::string>& options,
                            const std::string& database) {
  Typed typed;
  CLI::App app;
  const auto* command = add_node(app, typed, role);
  std::vector<std::string> words{database, "--"};  // read from its end
  words.insert(words.end(), options.rbegin(), options.rend());
  words.push_back(command->get_name());
  try {
    app.parse(std::move(words));
    return read_node(typed, role);
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  } catch (const ConfigError& error) {
    throw UsageError(error.what());
  }
}

}  // namespace understudy
