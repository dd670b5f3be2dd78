#include "common/replica/wal_appender.h"

#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/core/clock.h"
#include "common/core/errors.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

namespace understudy {
namespace {

constexpr std::int64_t kStartPatience_us = 30'000'000;
using wal::FrameNo;
using wal::kFrameHeaderSize;
using wal::Lock;

constexpr std::size_t kBufferLimit = 256 * 1024;
constexpr int kSqliteBusy = 5;

// As SQLite does it: the first word counts on, the second is random.
wal::Salts next_salts(const wal::Salts& before) {
  std::random_device random;
  const bool fresh = before == wal::Salts{};
  wal::Salts salts;
  store_be32(&salts.bytes[0], fresh ? random() | 1u : load_be32(&before.bytes[0]) + 1);
  store_be32(&salts.bytes[4], random());
  return salts;
}

}  // namespace

WalAppender::WalAppender(wal::RawDatabase& raw, AppliedRing& ring,
                         const wal::IndexHeader& committed)
    : raw_(raw),
      ring_(ring),
      committed_(committed),
      header_on_disk_(committed.last_frame > 0),
      checksum_(committed.checksum),
      appended_(committed.last_frame),
      written_(committed.last_frame),
      held_(kFrameHeaderSize + raw.page_size()) {
  buffer_.reserve(kBufferLimit + held_.size());
}

void WalAppender::note_position(const Position& position) {
  if (committed_.last_frame == 0) {
    start_generation(position);
  } else {
    ring_.append(position, committed_.cursor());
  }
}

void WalAppender::begin_commit(const Position& position) {
  US_ASSERT(!has_uncommitted(), "a generation starts between two commits");
  if (!header_on_disk_) {
    start_generation(position);
  } else if (committed_.last_frame >= kShortestReset &&
             raw_.index().backfilled() == committed_.last_frame) {
    (void)try_start_generation(position);  // a reader in the way: append instead
  }
}

// The WAL is empty, or has no header: readers use the database file alone, so the locks are free
// but for an instant.
void WalAppender::start_generation(const Position& position) {
  const auto deadline = monotonic_time_us() + kStartPatience_us;
  while (monotonic_time_us() < deadline) {
    if (try_start_generation(position)) return;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  throw SqliteError("begin the WAL of", raw_.path(), kSqliteBusy,
                    "another program holds the checkpoint or reader locks");
}

bool WalAppender::try_start_generation(const Position& position) {
  auto& index = raw_.index();
  if (!index.try_lock_exclusive(Lock::checkpoint)) return false;
  const bool unused = index.backfilled() == committed_.last_frame &&
                      index.try_lock_exclusive(Lock::read1, wal::kReadSlots - 1);
  if (!unused) {
    index.unlock_exclusive(Lock::checkpoint);
    return false;
  }
  try {
    const auto salts = next_salts(committed_.salts);
    // From restart() on a surviving reader's wal-index names the new salts.
    ring_.append(position, {.salts = salts, .frame = 0, .checksum = {}});
    committed_ = index.restart(committed_, salts);
  } catch (...) {  // a full disk, say: readers must not be kept out while it lasts
    index.unlock_exclusive(Lock::read1, wal::kReadSlots - 1);
    index.unlock_exclusive(Lock::checkpoint);
    throw;
  }
  index.unlock_exclusive(Lock::read1, wal::kReadSlots - 1);
  index.unlock_exclusive(Lock::checkpoint);
  appended_ = written_ = 0;
  write_header();
  return true;
}

void WalAppender::write_header() {
  wal::Header header;
  header.big_endian_checksums = committed_.big_endian_checksums;
  header.page_size = raw_.page_size();
  header.salts = committed_.salts;
  std::array<std::byte, wal::kHeaderSize> bytes{};
  header.encode(bytes);
  raw_.write_wal(0, bytes);
  // Frames rely on the header: a disk that kept them and not it would roll back more than it must,
  // or take old frames for new ones. https://sqlite.org/src/info/ff5be73dee
  raw_.sync_wal();
  checksum_ = header.checksum;
  header_on_disk_ = true;
}

void WalAppender::append(PageNo page, ByteView content) {
  US_ASSERT(header_on_disk_, "begin_commit() comes first");
  if (held_page_ != 0) encode_held(0);
  held_page_ = page;
  std::copy(content.begin(), content.end(), held_.begin() + kFrameHeaderSize);
  ++appended_;
  if (buffer_.size() >= kBufferLimit) flush();
}

// Moves the held frame into the buffer.
void WalAppender::encode_held(std::uint32_t page_count_after) {
  wal::FrameHeader header;
  header.page = held_page_;
  header.page_count_after = page_count_after;
  header.salts = committed_.salts;
  const std::span<std::byte> frame(held_);
  checksum_ = header.encode(frame.first<kFrameHeaderSize>(), checksum_,
                            frame.subspan(kFrameHeaderSize), committed_.big_endian_checksums);
  buffer_.insert(buffer_.end(), held_.begin(), held_.end());
  buffered_.push_back(held_page_);
  held_page_ = 0;
}

void WalAppender::flush() {
  if (buffered_.empty()) return;
  raw_.write_wal(wal::frame_offset(written_ + 1, raw_.page_size()), buffer_);
  for (const auto page : buffered_) raw_.index().append_entry(++written_, page);
  buffer_.clear();
  buffered_.clear();
}

void WalAppender::publish(const Position& position, std::uint32_t page_count) {
  if (!has_uncommitted()) {
    US_ASSERT(page_count == committed_.page_count, "a new size needs a commit frame");
    ring_.append(position, committed_.cursor());
    return;
  }
  flush();
  US_ASSERT(held_page_ != 0, "the newest frame is held back until it is the commit frame");
  encode_held(page_count);
  auto header = committed_;
  header.page_size = raw_.page_size();
  header.last_frame = appended_;
  header.page_count = page_count;
  header.checksum = checksum_;
  ring_.append(position, header.cursor());
  flush();
  raw_.index().publish(header);
  ++header.change_counter;
  committed_ = header;
}

void WalAppender::abandon() {
  appended_ = written_ = committed_.last_frame;
  held_page_ = 0;
  buffer_.clear();
  buffered_.clear();
  // Frame 0 has the checksum of the WAL header, which is not in the index; a new generation it is.
  if (committed_.last_frame == 0) header_on_disk_ = false;
  checksum_ = committed_.checksum;
}

void WalAppender::read_newest(PageNo page, std::span<std::byte> out) {
  if (page == held_page_) {
    std::copy(held_.begin() + kFrameHeaderSize, held_.end(), out.begin());
    return;
  }
  flush();
  raw_.read_page(page, written_, out);
}

void WalAppender::read_committed(PageNo page, std::span<std::byte> out) {
  raw_.read_page(page, committed_.last_frame, out);
}

PageNo WalAppender::uncommitted_page(FrameNo frame) {
  if (frame == appended_ && held_page_ != 0) return held_page_;
  flush();
  return raw_.index().page_of(frame);
}

}  // namespace understudy
