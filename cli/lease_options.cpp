#include "cli/lease_options.h"

#include "cli/help_text.h"
#include "cli/shared_options.h"

namespace understudy {
namespace {

void add_tags(CLI::App& command, Typed& typed) {
  command.add_flag("--nofailover", typed.nofailover, "this node never takes over by itself");
  command.add_flag("--noloadbalance", typed.noloadbalance,
                   "this node is not for readers: health checks for them answer no");
  command
      .add_option("--priority", typed.priority,
                  "of standbys that have the same, the one of the highest takes over")
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option("--max-lag-on-takeover", typed.max_lag_on_takeover,
                  "how many transactions a standby may lack of the primary's last published "
                  "position, to take over by itself")
      ->type_name("N")
      ->capture_default_str();
}

}  // namespace

void add_lease_options(CLI::App& command, Typed& typed) {
  command
      .add_option("--lease", typed.lease,
                  "automatic takeover: the etcd cluster that says who leads, "
                  "etcd://HOST:2379,HOST2:2379 (default: none, nodes are promoted by hand)")
      ->type_name("URL");
  command
      .add_option("--lease-ttl", typed.lease_ttl,
                  "after this long without a renewal another node may lead; 5s at least")
      ->type_name("TIME")
      ->capture_default_str();
  command.add_option("--lease-prefix", typed.lease_prefix, "of its keys in etcd: one a database")
      ->type_name("KEY")
      ->capture_default_str();
  command
      .add_option("--lease-user", typed.lease_user,
                  "etcd's user; its password is in UNDERSTUDY_LEASE_PASSWORD")
      ->type_name("NAME");
  command.add_option("--lease-cert", typed.lease_cert, "certificate to show to etcd (PEM); TLS")
      ->type_name("FILE");
  command.add_option("--lease-key", typed.lease_key, "its key")->type_name("FILE");
  command.add_option("--lease-ca", typed.lease_ca, "certificates by which etcd is known; TLS")
      ->type_name("FILE");
  command
      .add_option("--lease-kill", typed.lease_kill,
                  "runs when the lease ends and the application cannot be fenced, for it holds a "
                  "transaction open: stop the application")
      ->type_name("CMD");
  add_tags(command, typed);
}

CLI::App* add_cluster(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("cluster", "list all nodes: roles, positions, lag, the lease");
  command->footer(help::kCluster);
  add_node_path(*command, typed);
  command->add_flag("--json", typed.json, "as JSON (schemas/cluster.schema.json)");
  return command;
}

CLI::App* add_pause(CLI::App& app, Typed& typed, bool is_paused) {
  auto* command = is_paused
                      ? app.add_subcommand("pause", "turn automatic takeover off, for all nodes")
                      : app.add_subcommand("resume", "turn automatic takeover on again");
  command->footer(help::kPause);
  add_node_path(*command, typed);
  return command;
}

CLI::App* add_reinit(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("reinit", "rebuild a standby from scratch");
  command->footer(help::kReinit);
  add_node_path(*command, typed);
  command->add_option("--node", typed.name, "which one (default: the one asked)")
      ->type_name("NODE");
  return command;
}

}  // namespace understudy
