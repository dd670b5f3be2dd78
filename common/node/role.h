// Role: what a node does, publisher or subscriber. It runs inside a Node, which owns everything
// that outlives a role: name, state directory, lock, control socket. So a takeover only changes
// which role runs.
#pragma once

#include "common/node/status.h"

namespace understudy {

class Role {
 public:
  virtual ~Role() = default;

  // Runs until stop(), then ends its threads and saves its position; called once. Throws what
  // makes the node unable to go on (docs/OPERATING.md, exit codes). Called on the main thread.
  virtual void run() = 0;
  // Makes run() return soon. Any thread, at any time, also before run().
  virtual void stop() = 0;
  // The role's part of the status (status.h says which). Any thread, cheap, never blocks on work.
  [[nodiscard]] virtual Status status() const = 0;
};

}  // namespace understudy
