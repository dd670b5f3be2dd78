// TailLocks: the READ locks that the tailer holds on a wal-index, and the marks in them.
//
// Invariant: a slot that is held has the mark that was asked for; no lock is let go of before the
// one that replaces it is held. Owned by the capture thread.
#pragma once

#include "common/wal/shared_index.h"

namespace understudy {

class TailLocks {
 public:
  explicit TailLocks(wal::SharedIndex& index) : index_(index) {}
  ~TailLocks();
  TailLocks(const TailLocks&) = delete;
  TailLocks& operator=(const TailLocks&) = delete;

  // Holds a slot of 2…4 with this mark, shared, then lets go of the slot held before.
  // False: readers of the application have all of them; nothing has changed then.
  [[nodiscard]] bool hold_slot(std::uint32_t mark);
  void drop_slot();
  [[nodiscard]] bool has_slot() const { return slot_ != 0; }

  // READ(0): while it is held nothing can be backfilled. False: a checkpoint is writing right now.
  [[nodiscard]] bool hold_read0();
  void drop_read0();
  [[nodiscard]] bool has_read0() const { return has_read0_; }

  void drop_all();

 private:
  [[nodiscard]] bool claim(int slot, std::uint32_t mark);

  wal::SharedIndex& index_;
  int slot_ = 0;  // 0: none
  bool has_read0_ = false;
};

}  // namespace understudy
