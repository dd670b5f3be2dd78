#include "cli/pinned_state.h"

#include "common/core/byte_order.h"
#include "common/core/clock.h"
#include "common/core/errors.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

namespace understudy {
namespace {

constexpr std::int64_t kPinTimeout_us = 5'000'000;
constexpr std::int64_t kWaiter_us = 5'000;
constexpr int kBusy = 5;                      // SQLITE_BUSY
constexpr std::size_t kPageCountOffset = 28;  // in the database header, page 1

}  // namespace

PinnedState::PinnedState(const std::string& database)
    : database_(database), locks_(database_.index()), probe_(database) {}

void PinnedState::pin() {
  const auto deadline_us = monotonic_time_us() + kPinTimeout_us;
  checkpoint_seen_us_ = 0;
  auto& index = database_.index();
  for (;;) {
    const bool held = locks_.hold_slot(index.backfilled());
    // Whoever checkpoints now may have looked at the marks before ours was there; whoever begins
    // later holds CKPT first and sees it.
    if (held && !probe_.holder(wal::Lock::checkpoint)) {
      floor_ = std::max(index.backfilled(), index.backfill_attempted());
      return;
    }
    locks_.drop_all();
    if (monotonic_time_us() > deadline_us) {
      throw SqliteError("pin a state of", database_.path(), kBusy,
                        "other readers and checkpoints leave no room");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void PinnedState::release() {
  locks_.drop_all();
}

wal::IndexHeader PinnedState::header() {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (const auto found = database_.index().read_header()) return *found;
  }
  return database_.recover();
}

bool PinnedState::can_read(const wal::Cursor& cursor) {
  const auto now = header();
  return cursor.salts == now.salts && cursor.frame >= floor_ && cursor.frame <= now.last_frame;
}

PageNo PinnedState::page_count(const wal::Cursor& cursor) {
  const auto now = header();
  if (cursor.frame == now.last_frame && now.page_count != 0) return now.page_count;
  if (cursor.frame != 0) {
    std::array<std::byte, wal::kFrameHeaderSize> bytes{};
    const auto offset = wal::frame_offset(cursor.frame, page_size());
    if (database_.read_wal(offset, bytes) == bytes.size()) {
      return wal::FrameHeader::decode(bytes).page_count_after;
    }
  }
  Bytes first(page_size());
  database_.read_page(1, cursor.frame, first);
  return load_be32(&first[kPageCountOffset]);
}

void PinnedState::read_page(PageNo page, wal::FrameNo as_of, std::span<std::byte> out) {
  database_.read_page(page, as_of, out);
}

bool PinnedState::has_waiter() {
  if (!probe_.holder(wal::Lock::checkpoint)) {
    checkpoint_seen_us_ = 0;
    return false;
  }
  const auto now_us = monotonic_time_us();
  if (checkpoint_seen_us_ == 0) checkpoint_seen_us_ = now_us;
  return now_us - checkpoint_seen_us_ > kWaiter_us;
}

}  // namespace understudy
