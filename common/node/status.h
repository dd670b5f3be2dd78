// Status: what a node says about itself, to people, to `status --json`, to /status. One struct for
// both roles; a field that a role does not have is empty.
//
// JSON: schemas/status.schema.json. Plain values; any thread.
#pragma once

#include "common/core/types.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

enum class NodeRole { primary, standby };

enum class NodeState {
  starting,     // opening files, finding its position
  scanning,     // primary: the first scan of a new stream
  repairing,    // primary: finding what changed while it was away; live records wait
  publishing,   // primary: all is well
  stalled,      // primary: let go of the WAL (disk full …); will repair
  connecting,   // standby: no peer answers; keeps trying
  resyncing,    // standby: fetching the pages that differ
  catching_up,  // standby: fetching records that it missed
  streaming,    // standby: all is well
  stopped,      // no process runs (said by the command line, out of the files)
  failed,       // stopped itself: see last_error
};

// How far a standby is with a record.
enum class Level { received, durable, applied };

std::string_view to_string(NodeRole role);
std::string_view to_string(NodeState state);
std::string_view to_string(Level level);
std::optional<NodeRole> parse_node_role(std::string_view text);
std::optional<NodeState> parse_node_state(std::string_view text);
std::optional<Level> parse_wait_level(std::string_view text);

struct BackendStatus {
  Seq first_seq = 0;  // first record that is stored; last_seq + 1 when none is
  Seq last_seq = 0;
  std::uint64_t bytes = 0;          // of stored batches
  std::int64_t oldest_time_us = 0;  // when its oldest records were committed; 0: none is stored
  std::uint64_t limit_bytes = 0;    // that retention keeps it to; 0: not known
  bool operator==(const BackendStatus&) const = default;
};

// The newest snapshot that the node can restore its log from.
struct SnapshotStatus {
  Seq seq = 0;
  std::string time;  // when its state was committed, RFC 3339
  std::uint64_t bytes = 0;
  bool operator==(const SnapshotStatus&) const = default;
};

// The archive that the node copies to. The numbers are empty until it was reached.
struct ArchiveStatus {
  std::string directory;
  std::optional<Seq> last_seq;  // up to there all is archived
  std::optional<std::uint64_t> behind_transactions;
  std::optional<std::uint64_t> behind_bytes;  // of batches, at least
  std::optional<double> behind_seconds;       // age of the oldest that is not archived; 0: none
  std::string last_error;                     // empty: all is well
  bool operator==(const ArchiveStatus&) const = default;
};

// How far a standby is. received ≥ durable ≥ applied.
struct Progression {
  Seq received = 0;
  Seq durable = 0;
  Seq applied = 0;
  [[nodiscard]] Seq at(Level level) const;
  bool operator==(const Progression&) const = default;
};

// A standby as its publisher sees it.
struct StandbyStatus {
  std::string name;
  NodeState state = NodeState::connecting;
  Progression seqs;
  double lag_seconds = 0;       // age of the oldest record that it does not show yet; 0: none
  std::uint64_t lag_bytes = 0;  // of records that it does not show yet (common/backend/log_bytes.h)
  bool operator==(const StandbyStatus&) const = default;
};

// Commits of the application that wait for standbys.
struct SyncStatus {
  std::size_t wanted = 0;    // standbys that each waits for
  std::size_t heard = 0;     // of those that are connected
  bool is_degraded = false;  // commits do not wait now: too few standbys were there for too long
  bool operator==(const SyncStatus&) const = default;
};

// The application's WAL, as the publisher follows it (publisher/wal_tail.h).
struct WalStatus {
  std::string state;         // hold, window, park, detached
  std::uint64_t frames = 0;  // committed frames in it
  std::uint64_t resets = 0;
  std::uint64_t windows = 0;
  std::uint64_t windows_missed = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t lock_grabs = 0;
  std::uint64_t bytes = 0;  // of the file
  bool operator==(const WalStatus&) const = default;
};

struct Status {
  // Filled in by the Node.
  std::string node;
  NodeRole role = NodeRole::primary;
  std::string database;   // absolute path
  std::string state_dir;  // absolute path
  std::string version;
  std::int64_t pid = 0;  // 0: not running
  double uptime_seconds = 0;

  // Filled in by the role.
  NodeState state = NodeState::starting;
  StreamId stream_id;  // nil: not known yet
  Position position;   // the last whole record: durable on a primary, visible on a standby
  std::string listen;  // endpoint of the live stream; empty: does not serve
  std::optional<BackendStatus> backend;
  std::optional<SnapshotStatus> snapshot;
  std::optional<double> snapshot_progress;  // of the one that is being taken: 0 … 1
  std::optional<ArchiveStatus> archive;     // empty: it keeps none
  std::vector<StandbyStatus> standbys;      // those that are connected, by name
  bool is_fenced = false;                   // primary: its application may not write
  bool is_standing_down = false;            // primary: another one leads
  std::vector<std::string> from;            // standby: the endpoints it asks
  std::string followed;                     // standby: the node it is connected with
  bool is_sync = false;                     // standby: commits wait for its acknowledgements
  bool takes_reads = true;  // not: the operator keeps readers away from it (--noloadbalance)
  std::optional<Progression> progression;         // standby
  std::optional<Seq> primary_seq;                 // standby: last heard of
  std::optional<double> lag_seconds;              // standby: behind the primary
  std::optional<std::uint64_t> lag_transactions;  // standby: primary_seq − applied
  std::optional<std::uint64_t> lag_bytes;         // standby: of those, as far as it can be told
  std::optional<WalStatus> wal;                   // primary
  std::optional<SyncStatus> sync;                 // primary; empty: commits do not wait
  std::string last_error;                         // empty: none
  std::vector<std::string> warnings;              // guarantees that are weakened now

  bool operator==(const Status&) const = default;

  // Nothing to be done by an operator: it publishes or streams, and no warning stands.
  [[nodiscard]] bool is_healthy() const;
  // How many standbys have `seq` at `level`: those connected, or on a standby itself.
  [[nodiscard]] std::size_t count_at(Level level, Seq seq) const;
};

// One JSON object; `indent` spaces a level, −1: one line.
std::string to_json(const Status& status, int indent = -1);
// nullopt: not a status document. Unknown members are passed over (a newer version may add some).
std::optional<Status> status_from_json(std::string_view text);

}  // namespace understudy
