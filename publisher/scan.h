// Scan: reads every page of the database once, in slices, between two polls of the tail. Finds what
// changed while no publisher watched (repair), or the sums of a new stream (learning).
// Nothing stays pinned between slices, so the application's checkpoints go on meanwhile.
// Owned by the capture thread.
#pragma once

#include "publisher/encoder.h"

namespace understudy {

class Scan {
 public:
  Scan(wal::RawDatabase& database, Encoder& encoder);

  // Reads the next slice as of the tail's position. Requires tail.reads_are_exact(), and that all
  // frames up to its cursor have been taken in. True: the last page was read.
  [[nodiscard]] bool step(const WalTail& tail);
  [[nodiscard]] PageNo next_page() const { return next_; }

 private:
  wal::RawDatabase& database_;
  Encoder& encoder_;
  PageNo next_ = 1;
  Bytes content_;
};

}  // namespace understudy
