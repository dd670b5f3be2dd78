// The status of a node whose process does not run, read out of its files. Changes nothing.
#pragma once

#include "cli/node_path.h"

namespace understudy {

// The running process's own status, else stopped_status().
Status ask_status(const FoundNode& node);
// State "stopped", with the position of the backend. Throws CorruptionError for damaged files.
Status stopped_status(const FoundNode& node);

}  // namespace understudy
