// Node: what lasts while roles come and go: name, state directory, lock, control socket.
//
// Invariant: the lock is held and the identity checked before a role is made, and until after it
// ended; so everything that a role writes, it writes alone.
//
// Made and run on the main thread; status() from any.
#pragma once

#include "common/node/control_server.h"
#include "common/node/identity.h"
#include "common/node/role.h"
#include "common/node/state_directory.h"

#include <mutex>

namespace understudy {

struct NodeOptions {
  std::string database;
  std::string state_dir;  // empty: StateDirectory::default_path(database)
  std::string name;       // empty: the one on record, or a new one
  NodeRole role = NodeRole::primary;
};

class Node final : public StatusSource {
 public:
  // Makes the state directory when there is none, takes its lock, checks who it belongs to.
  // Throws ConfigError, IoError.
  explicit Node(const NodeOptions& options);
  ~Node() override;

  [[nodiscard]] const StateDirectory& directory() const { return directory_; }
  [[nodiscard]] const std::string& name() const { return identity_.node; }

  // Serves the control socket and runs the role until stop() is called or the role ends by itself.
  // What the role throws goes through.
  void run(Role& role);
  // Any thread. Also ends a run that begins later.
  void stop();

  [[nodiscard]] Status status() const override;

 private:
  StateDirectory directory_;
  std::string database_;  // absolute
  StateLock lock_;
  NodeIdentity identity_;
  std::int64_t started_us_;

  mutable std::mutex mutex_;
  Role* running_ = nullptr;  // guarded by mutex_
  bool stopping_ = false;    // guarded by mutex_
};

}  // namespace understudy
