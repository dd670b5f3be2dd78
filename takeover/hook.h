// Hooks: commands of the operator that run when a node changes its role (docs/OPERATING.md).
//
// A hook runs as `sh -c COMMAND` in a process group of its own, with the node, its role, the epoch
// and the database in its environment. Beyond the time limit the whole group is killed. What it
// prints goes where the node's own output goes.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace understudy {

struct HookOptions {
  std::string before_promote;  // empty: none. Failure: the node is not promoted
  std::string on_promote;      // after the fact; failure is an event
  std::string on_demote;       // after the fact; failure is an event
  std::chrono::milliseconds limit{10'000};
};

struct HookResult {
  bool ok = false;
  std::string text;  // why not: "exit code 3", "killed after 10 s", …
};

using Environment = std::vector<std::pair<std::string, std::string>>;

// Blocks until the hook ended. Any thread.
[[nodiscard]] HookResult run_hook(const std::string& command, const Environment& environment,
                                  std::chrono::milliseconds limit);

}  // namespace understudy
