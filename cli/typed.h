// What a user typed, and how it becomes the commands: each option checked, with words that name it.
#pragma once

#include "cli/commands.h"
#include "cli/typed_values.h"

#include <optional>
#include <string>
#include <vector>

namespace understudy {

// What the user typed, before it is checked.
struct Typed {
  std::string database, state_dir, node;
  std::string listen;
  std::vector<std::string> from, peers;
  bool enable_wal = false, insecure = false, adopt = false, never_lock = false;
  std::string keep_bytes = "1GiB", keep_age = "24h", wal_limit = "1GiB";
  std::uint32_t wal_window = 4000;
  std::string snapshot_every = "24h";
  int niceness = 5;
  bool json = false, watch = false;
  Seq seq = 0;
  std::string level = "applied", timeout = "5s";
  std::size_t standbys = 1;
  std::size_t sync = 0;
  std::string sync_level = "durable", sync_timeout = "10s", when_unreplicated = "wait";
  std::string log_format = "text", log_level = "info";
  std::string key_file, peer_keys;  // of a node
  std::string public_of;            // keygen
  std::string http, http_token_file, http_cert, http_key;
  bool schema = false;                                     // check-config
  std::string config_file, run_log_format, run_log_level;  // run, check-config
  std::string lease, lease_ttl = "10s", lease_prefix = "/understudy", lease_user, lease_cert,
                     lease_key, lease_ca, lease_kill, max_lag_on_takeover = "1000";
  bool nofailover = false, noloadbalance = false;
  std::int64_t priority = 0;
  std::string before_promote, on_promote, on_demote, hook_timeout = "10s";
  std::string to;                                     // switchover
  std::string orphans_action = "list", name, output;  // orphans
  std::vector<std::string> logs;                      // restore, replay
  std::optional<Seq> to_seq;
  std::string to_time;
  bool dry_run = false, force = false;
  std::vector<std::string> words;    // log: source, action, seq
  std::string range_from, range_to;  // log
  bool follow = false, no_tables = false;
  std::string archive, archive_keep = "forever", archive_every = "60s";
  bool once = false;  // archive
};

NodePath read_node_path(const Typed& typed);
// `role`: what the node begins with.
NodeCommand read_node(const Typed& typed, NodeRole role);
std::optional<HttpOptions> read_http(const Typed& typed);  // throws ConfigError too
RunCommand read_run(const Typed& typed);
CheckConfigCommand read_check_config(const Typed& typed);
std::optional<LeaseOptions> read_lease(const Typed& typed);
NodeTags read_tags(const Typed& typed);
WaitCommand read_wait(const Typed& typed);
OrphansCommand read_orphans(Typed typed);
RestoreCommand read_restore(const Typed& typed);
ReplayCommand read_replay(const Typed& typed);
LogCommand read_log(const Typed& typed);
log::Options read_log_options(const Typed& typed);

}  // namespace understudy
