// SyncOptions: what a commit of the application waits for, when it asks to (docs/OPERATING.md).
#pragma once

#include "common/node/status.h"

#include <cstdint>

namespace understudy {

// What becomes of commits when the standbys that they wait for are not there.
enum class WhenUnreplicated {
  wait,     // COMMIT waits for timeout_ms and then answers an error
  degrade,  // after timeout_ms commits go on alone, until the standbys are back
};

struct SyncOptions {
  std::size_t count = 0;  // standbys; 0: commits do not wait
  Level level = Level::durable;
  std::int64_t timeout_ms = 10'000;
  WhenUnreplicated policy = WhenUnreplicated::wait;
};

}  // namespace understudy
