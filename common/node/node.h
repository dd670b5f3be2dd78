// Node: what lasts while roles come and go: name, state directory, lock. Roles run
// in it one after another; takeover/supervisor.h says which.
//
// Invariant: the lock is held and the identity checked before a role is made, and until after it
// ended; so everything that a role writes, it writes alone.
//
// Made and run on the main thread; status(), stop(), identity() and record() from any. None but
// record() waits for a disk: what renews a lease and takes a fence in time asks this object.
#pragma once

#include "common/node/identity.h"
#include "common/node/node_options.h"
#include "common/node/role.h"
#include "common/node/state_directory.h"

#include <functional>
#include <memory>
#include <mutex>

namespace understudy {

class Node final {
 public:
  // Makes the state directory when there is none, takes its lock, checks who it belongs to.
  // Throws ConfigError, IoError.
  explicit Node(const NodeOptions& options);
  ~Node();

  [[nodiscard]] const StateDirectory& directory() const { return directory_; }
  [[nodiscard]] const std::string& database() const { return database_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] NodeIdentity identity() const;
  // Changes what is on record about the node; durable from its return.
  void record(const std::function<void(NodeIdentity&)>& change);

  // Runs the role until stop() is called or the role ends by itself. What the role throws goes
  // through.
  void run(Role& role);
  // Also ends a run that begins later.
  void stop();
  [[nodiscard]] bool is_stopping() const;
  // What is added to each status from now on: guarantees that are weakened.
  void set_warnings(std::vector<std::string> warnings);
  // What else is said of the node in each status; called on any thread. Before serve().
  void set_addition(std::function<void(Status&)> addition);

  [[nodiscard]] Status status() const;

 private:
  StateDirectory directory_;
  std::string database_;  // absolute
  StateLock lock_;
  std::string name_;
  std::int64_t started_us_;

  std::mutex record_mutex_;  // one change of the record at a time; before mutex_
  mutable std::mutex mutex_;
  NodeIdentity identity_;                                   // guarded by mutex_
  std::vector<std::string> warnings_;                       // guarded by mutex_
  std::function<void(Status&)> addition_ = [](Status&) {};  // guarded by mutex_
  Role* running_ = nullptr;                                 // guarded by mutex_
  bool stopping_ = false;                                   // guarded by mutex_
};

}  // namespace understudy
