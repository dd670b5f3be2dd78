// Meters: what one node measures while it works, whichever roles it plays in turn. Lock-free; any
// thread.
#pragma once

#include "common/metering/histogram.h"

#include <memory>

namespace understudy {

using Counter = std::atomic<std::uint64_t>;

struct Meters {
  // One append of what waited to the backend, its fsync included.
  LatencyHistogram append;
  // From when a commit was seen in the application's WAL until it is durable in the backend.
  LatencyHistogram capture_to_durable;
  // One commit of records into the replica: proved, written, shown.
  LatencyHistogram apply;
  Counter resyncs{0};     // finished
  Counter catch_ups{0};   // begun
  Counter reconnects{0};  // links to a server that were made
};

}  // namespace understudy
