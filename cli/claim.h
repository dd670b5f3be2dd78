// Claim: what a node's files say that a pinned state of its database is. Whoever reads the pages
// proves it, or not.
#pragma once

#include "cli/node_path.h"
#include "cli/pinned_state.h"

namespace understudy {

struct Claim {
  Position position;
  wal::Cursor at;          // the prefix to read
  bool connected = false;  // the files say that this very prefix shows the position
};

// Files and WAL are written one after the other: a running node connects within moments. Throws
// ConfigError when nothing is on record yet.
[[nodiscard]] Claim find_claim(const FoundNode& node, PinnedState& pinned, bool is_running);

// Why the pages did not prove a claim, and what to do.
[[nodiscard]] std::string explain_difference(const Claim& claim, const FoundNode& node,
                                             bool is_running);

}  // namespace understudy
