// What is looked at: plain values that judge.h makes findings of, so that every case can be tested
// without having to be brought about.
#pragma once

#include "common/keys/key_files.h"
#include "common/node/status.h"
#include "common/transport/endpoint.h"
#include "common/transport/peer_trial.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace understudy::doctor {

// Whom it is about: what the command line, or a configuration file, says of a node.
struct Patient {
  std::string database = {};   // absolute
  std::string state_dir = {};  // absolute
  NodeRole role = NodeRole::primary;
  std::optional<Endpoint> listen = {};
  std::vector<Endpoint> peers = {};
  KeyFiles keys = {};  // none: without keys
  std::uint64_t keep_bytes = 0;
  std::uint64_t wal_limit_bytes = 0;
  std::string archive = {};  // folder of one; empty: none
  // Files that options name, by the option.
  std::vector<std::pair<std::string, std::string>> files = {};
};

struct NodeFacts {
  std::string state_dir = {};
  bool has_state = false;
  std::string state_trouble = {};   // why what is in it is of no use; empty: nothing is wrong
  std::string other_database = {};  // it belongs to that one; empty: to this
  std::string unanswered =
      {};  // why the running node does not answer; empty: it does, or none runs
  std::optional<Status> status = {};  // nullopt: none runs
  uid_t runs_as = 0, asker = 0;       // users: of the node that runs, of the doctor
};

// A lock of the wal-index that some process held at every look.
struct HeldLock {
  pid_t holder = 0;
  std::uint32_t mark = 0;  // of a reader: the frame up to which it reads
};

struct DatabaseFacts {
  std::string path = {};
  NodeRole role = NodeRole::primary;
  bool exists = false;
  std::string unreadable = {};  // why; empty: it was read
  bool is_sqlite = false;
  bool is_wal = false;
  std::uint32_t page_size = 0;
  int writer_version = 0;  // of SQLite: 3040001
  int own_version = 0;
  std::optional<pid_t> exclusive_holder = {};  // in locking mode EXCLUSIVE

  std::uint64_t wal_bytes = 0;
  std::uint64_t wal_limit_bytes = 0;
  bool has_index = false;  // somebody has it open
  std::uint32_t frames = 0, backfilled = 0;
  std::optional<HeldLock> writer = {};
  std::vector<HeldLock> readers = {};  // that keep a checkpoint from going on, the node's own not
  pid_t node_pid = 0;
};

struct DiskFacts {
  std::string what = {};  // "the database", "the state directory"
  std::string folder = {};
  bool exists = false;
  bool holds_database = true;     // SQLite's own files: not an archive's folder
  std::string network_name = {};  // of a network file system; empty: local
  bool is_memory = false;         // tmpfs: gone with the power
  bool is_read_only = false;
  bool may_write = false;
  std::uint64_t free_bytes = 0, total_bytes = 0;
  std::uint64_t free_inodes = 0, total_inodes = 0;  // 0 of 0: it has no fixed number
  std::uint64_t wanted_bytes = 0;                   // what may still be written there
  uid_t owner = 0, asker = 0;
  std::optional<double> sync_ms = {};  // median of a few fsyncs
};

struct FileFacts {
  std::string option = {}, path = {};
  bool exists = false;
  bool may_read = false;
  bool is_secret = false;
  unsigned mode = 0;  // permission bits
};

struct MachineFacts {
  unsigned processors = 1;
  std::uint64_t open_files_limit = 0;
  std::optional<bool> is_clock_synchronized = {};  // nullopt: the kernel does not say
};

struct PortFacts {
  int port = 0;
  bool is_taken = false;
  bool is_ours = false;  // by the node that runs
};

struct PeerFacts {
  Endpoint endpoint = {};
  std::string live_error = {}, requests_error = {};  // empty: it can be reached
  std::optional<PeerTrial> trial = {};               // nullopt: not tried
};

struct NetworkFacts {
  std::optional<Endpoint> listen = {};
  std::vector<PortFacts> ports = {};
  std::vector<PeerFacts> peers = {};
  std::string own_key = {};  // public; empty: without keys
  std::string keys_trouble =
      {};  // why the key files cannot be used; empty: they can, or there are none
};

}  // namespace understudy::doctor
