// NodeIdentity: who a node is, kept in `node.json` in its state directory: name, role, stream and
// database. docs/OPERATING.md shows it.
//
// Question answered: does this state directory belong to this database and this stream? The role on
// record is the last one that ran; which one runs next is decided by takeover/start_role.h.
// The database is remembered relative to the state directory, so both may be moved together.
// Read and written by the process that holds the StateLock; the command line only reads.
#pragma once

#include "common/core/node_name.h"
#include "common/core/types.h"
#include "common/node/state_directory.h"
#include "common/node/status.h"

#include <optional>
#include <string>

namespace understudy {

struct NodeIdentity {
  std::string node;  // 1 … 64 of letters, digits, '.', '_', '-'
  NodeRole role = NodeRole::primary;
  StreamId stream;       // nil: not known yet
  std::string database;  // relative to the state directory
  // The node stood down from leading this epoch, and does not lead it again; 0: from none.
  Epoch demoted_from = 0;
  bool fenced = false;  // the operator wants its application kept from writing, restarts included

  // Its log began as a copy of another node's: what its name stands for in the history, or in a
  // lease, was another log's. Until it leads, or is proved to have caught up.
  bool copied = false;

  bool operator==(const NodeIdentity&) const = default;
};

constexpr int kIdentityFormat = 1;

// The host's name and four random hexadecimal digits: "db1-3fa9".
std::string make_node_name();

// nullopt: there is none. Throws ConfigError for a newer format, CorruptionError for a damaged one.
std::optional<NodeIdentity> load_identity(const StateDirectory& directory);
// Durable from its return.
void save_identity(const StateDirectory& directory, const NodeIdentity& identity);

// How `database` is remembered in that state directory.
std::string database_from(const StateDirectory& directory, const std::string& database);
// The absolute path of the identity's database.
std::string database_path(const StateDirectory& directory, const NodeIdentity& identity);

// Loads and checks, or makes, the identity of a node that is about to run. `name` empty: keep the
// name on record, or make one. `role` counts for a new identity. Throws ConfigError when the
// directory is of another database; nothing is changed then.
NodeIdentity claim_identity(const StateDirectory& directory, const std::string& database,
                            NodeRole role, const std::string& name);

// Puts the stream on record when none is. Throws ConfigError when it is another one.
// For roles: call it as soon as the stream is known, before anything is written for it.
void claim_stream(const StateDirectory& directory, const StreamId& stream);

}  // namespace understudy
