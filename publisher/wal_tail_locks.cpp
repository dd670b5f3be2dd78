#include "publisher/wal_tail_locks.h"

namespace understudy {
namespace {

constexpr int kFirstSlot = 2;  // slot 1 is everybody's

}  // namespace

TailLocks::~TailLocks() {
  drop_all();
}

// Between the exclusive and the shared lock somebody else may take the slot and change its mark;
// hence the look at the mark at the end.
bool TailLocks::claim(int slot, std::uint32_t mark) {
  const auto lock = wal::read_lock(slot);
  if (!index_.try_lock_exclusive(lock)) return false;
  index_.set_read_mark(slot, mark);
  index_.barrier();
  index_.unlock_exclusive(lock);
  if (!index_.try_lock_shared(lock)) return false;
  index_.barrier();
  if (index_.read_mark(slot) == mark) return true;
  index_.unlock_shared(lock);
  return false;
}

bool TailLocks::hold_slot(std::uint32_t mark) {
  for (int slot = kFirstSlot; slot < wal::kReadSlots; ++slot) {
    if (slot == slot_ || !claim(slot, mark)) continue;
    drop_slot();
    slot_ = slot;
    return true;
  }
  return false;
}

void TailLocks::drop_slot() {
  if (slot_ != 0) index_.unlock_shared(wal::read_lock(slot_));
  slot_ = 0;
}

bool TailLocks::hold_read0() {
  if (!has_read0_) has_read0_ = index_.try_lock_shared(wal::Lock::read0);
  if (has_read0_) index_.barrier();
  return has_read0_;
}

void TailLocks::drop_read0() {
  if (has_read0_) index_.unlock_shared(wal::Lock::read0);
  has_read0_ = false;
}

void TailLocks::drop_all() {
  drop_slot();
  drop_read0();
}

}  // namespace understudy
