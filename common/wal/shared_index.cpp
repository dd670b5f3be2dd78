#include "common/wal/shared_index.h"

#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/core/errors.h"
#include "common/wal/index_layout.h"

#include <sqlite3.h>

#include <cstring>

namespace understudy::wal {
namespace {

using Words = std::array<std::uint32_t, layout::kIndexHeaderSize / 4>;

// Offsets in a header copy, in 32-bit words.
constexpr std::size_t kVersionWord = 0;
constexpr std::size_t kChangeWord = 2;
constexpr std::size_t kFlagsWord = 3;  // isInit u8, bigEndCksum u8, page size u16
constexpr std::size_t kLastFrameWord = 4;
constexpr std::size_t kPageCountWord = 5;
constexpr std::size_t kFrameChecksumWord = 6;
constexpr std::size_t kSaltsWord = 8;
constexpr std::size_t kChecksumWord = 10;

// The index is shared with other processes: each access is one atomic load or store of the width
// that SQLite uses; their order comes from barrier().
std::uint32_t load32(const volatile std::byte* at) {
  return __atomic_load_n(reinterpret_cast<const volatile std::uint32_t*>(at), __ATOMIC_ACQUIRE);
}
void store32(volatile std::byte* at, std::uint32_t value) {
  __atomic_store_n(reinterpret_cast<volatile std::uint32_t*>(at), value, __ATOMIC_RELEASE);
}
std::uint16_t load16(const volatile std::byte* at) {
  return __atomic_load_n(reinterpret_cast<const volatile std::uint16_t*>(at), __ATOMIC_ACQUIRE);
}
void store16(volatile std::byte* at, std::uint16_t value) {
  __atomic_store_n(reinterpret_cast<volatile std::uint16_t*>(at), value, __ATOMIC_RELEASE);
}

void load_words(const volatile std::byte* at, Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = load32(at + 4 * i);
}
void store_words(volatile std::byte* at, const Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) store32(at + 4 * i, words[i]);
}

// The wal-index is in native byte order whatever the WAL's own checksums use.
Checksum header_checksum(const Words& words) {
  const auto bytes = std::as_bytes(std::span(words)).first(4 * kChecksumWord);
  return advance({}, bytes, false);
}

std::uint16_t encode_page_size(std::uint32_t size) {
  return static_cast<std::uint16_t>((size & 0xff00) | (size >> 16));
}
std::uint32_t decode_page_size(std::uint16_t size) {
  return (size & 0xfe00U) + ((size & 1U) << 16);
}

Words encode(const IndexHeader& header) {
  Words words{};
  words[kVersionWord] = kFormatVersion;
  words[kChangeWord] = header.change_counter;
  words[kFlagsWord] = 1U | (header.big_endian_checksums ? 0x100U : 0U) |
                      (std::uint32_t{encode_page_size(header.page_size)} << 16);
  words[kLastFrameWord] = header.last_frame;
  words[kPageCountWord] = header.page_count;
  words[kFrameChecksumWord] = header.checksum.s1;
  words[kFrameChecksumWord + 1] = header.checksum.s2;
  std::memcpy(&words[kSaltsWord], header.salts.bytes.data(), 8);
  const auto sum = header_checksum(words);
  words[kChecksumWord] = sum.s1;
  words[kChecksumWord + 1] = sum.s2;
  return words;
}

std::optional<IndexHeader> decode(const Words& words) {
  const bool is_initialised = (words[kFlagsWord] & 0xff) != 0;
  const Checksum stored{words[kChecksumWord], words[kChecksumWord + 1]};
  if (!is_initialised || words[kVersionWord] != kFormatVersion ||
      header_checksum(words) != stored) {
    return std::nullopt;
  }
  IndexHeader header;
  header.change_counter = words[kChangeWord];
  header.big_endian_checksums = (words[kFlagsWord] & 0xff00) != 0;
  header.page_size = decode_page_size(static_cast<std::uint16_t>(words[kFlagsWord] >> 16));
  header.last_frame = words[kLastFrameWord];
  header.page_count = words[kPageCountWord];
  header.checksum = {words[kFrameChecksumWord], words[kFrameChecksumWord + 1]};
  std::memcpy(header.salts.bytes.data(), &words[kSaltsWord], 8);
  return header;
}

unsigned bits(Lock lock, int count) {
  return ((1U << count) - 1U) << static_cast<int>(lock);
}

}  // namespace

SharedIndex::SharedIndex(sqlite3_file* file, std::string path)
    : file_(file), path_(std::move(path)) {
  US_ASSERT(file_->pMethods != nullptr && file_->pMethods->iVersion >= 2,
            "a WAL database's file has shared-memory methods");
}

volatile std::byte* SharedIndex::block(std::uint32_t number, bool extend) {
  if (number < blocks_.size() && blocks_[number] != nullptr) return blocks_[number];
  volatile void* mapped = nullptr;
  const int code =
      file_->pMethods->xShmMap(file_, static_cast<int>(number),
                               static_cast<int>(layout::kBlockSize), extend ? 1 : 0, &mapped);
  if (code != SQLITE_OK) {
    throw SqliteError("map the wal-index of", path_, code, sqlite3_errstr(code));
  }
  if (mapped == nullptr) return nullptr;
  if (number >= blocks_.size()) blocks_.resize(number + 1, nullptr);
  return blocks_[number] = static_cast<volatile std::byte*>(mapped);
}

volatile std::byte* SharedIndex::existing_block(std::uint32_t number) {
  auto* mapped = block(number, false);
  if (mapped == nullptr) {
    throw SqliteError("read the wal-index of", path_, SQLITE_CORRUPT, "it is too short");
  }
  return mapped;
}

std::optional<IndexHeader> SharedIndex::read_header() {
  const auto* base = block(0, false);
  if (base == nullptr) return std::nullopt;
  Words first{};
  Words second{};
  load_words(base, first);
  barrier();
  load_words(base + layout::kIndexHeaderSize, second);
  if (first != second) return std::nullopt;
  return decode(first);
}

bool SharedIndex::still_at(const IndexHeader& known) {
  const auto* base = block(0, false);
  if (base == nullptr) return false;
  std::array<std::uint32_t, 2> salts{};
  std::memcpy(salts.data(), known.salts.bytes.data(), 8);
  return load32(base + 4 * kChangeWord) == known.change_counter &&
         load32(base + 4 * kLastFrameWord) == known.last_frame &&
         load32(base + 4 * kSaltsWord) == salts[0] && load32(base + 4 * kSaltsWord + 4) == salts[1];
}

FrameNo SharedIndex::backfilled() {
  return load32(existing_block(0) + layout::kBackfillOffset);
}

FrameNo SharedIndex::backfill_attempted() {
  return load32(existing_block(0) + layout::kBackfillAttemptedOffset);
}

std::uint32_t SharedIndex::read_mark(int slot) {
  return load32(existing_block(0) + layout::kMarksOffset + 4 * static_cast<std::size_t>(slot));
}

void SharedIndex::set_read_mark(int slot, std::uint32_t mark) {
  US_ASSERT(holds_exclusive(read_lock(slot)), "a mark belongs to whoever holds its slot exclusive");
  store32(existing_block(0) + layout::kMarksOffset + 4 * static_cast<std::size_t>(slot), mark);
}

bool SharedIndex::change_lock(Lock lock, int count, int flags) {
  const int code = file_->pMethods->xShmLock(file_, static_cast<int>(lock), count, flags);
  if (code == SQLITE_OK) return true;
  if ((code & 0xff) == SQLITE_BUSY) return false;
  throw SqliteError("lock the wal-index of", path_, code, sqlite3_errstr(code));
}

bool SharedIndex::try_lock_shared(Lock lock) {
  return change_lock(lock, 1, SQLITE_SHM_LOCK | SQLITE_SHM_SHARED);
}

bool SharedIndex::try_lock_exclusive(Lock lock, int count) {
  if (!change_lock(lock, count, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE)) return false;
  exclusive_locks_ |= bits(lock, count);
  return true;
}

void SharedIndex::unlock_shared(Lock lock) {
  change_lock(lock, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
}

void SharedIndex::unlock_exclusive(Lock lock, int count) {
  exclusive_locks_ &= ~bits(lock, count);
  change_lock(lock, count, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
}

bool SharedIndex::holds_exclusive(Lock lock) const {
  return (exclusive_locks_ & bits(lock, 1)) != 0;
}

void SharedIndex::barrier() {
  file_->pMethods->xShmBarrier(file_);
}

PageNo SharedIndex::page_of(FrameNo frame) {
  const auto number = layout::block_of(frame);
  const auto index = frame - layout::frames_before(number);
  return load32(existing_block(number) + layout::page_offset(number, index));
}

FrameNo SharedIndex::find_frame(PageNo page, FrameNo limit) {
  if (page == 0 || limit == 0) return 0;
  for (std::uint32_t number = layout::block_of(limit) + 1; number-- > 0;) {
    const auto* base = existing_block(number);
    const auto before = layout::frames_before(number);
    FrameNo found = 0;
    std::uint32_t left = layout::kSlotsPerBlock;
    for (auto slot = layout::first_slot(page);; slot = layout::next_slot(slot)) {
      const std::uint32_t index = load16(base + layout::slot_offset(slot));
      if (index == 0) break;
      // A writer may be adding entries beyond `limit` right now; those may hold anything. One that
      // was whole before does not change. So nothing in a slot is believed but by the page table.
      if (index <= layout::kFramesPerBlock && before + index <= limit && before + index > found &&
          load32(base + layout::page_offset(number, index)) == page) {
        found = before + index;
      }
      if (--left == 0) {
        throw SqliteError("search the wal-index of", path_, SQLITE_CORRUPT, "no free hash slot");
      }
    }
    if (found != 0) return found;
  }
  return 0;
}

// Forgets the entries behind frame `index` of a block: remains of a write that was not finished.
void SharedIndex::clear_after(std::uint32_t number, std::uint32_t index) {
  auto* base = block(number, true);
  for (std::uint32_t slot = 0; slot < layout::kSlotsPerBlock; ++slot) {
    auto* at = base + layout::slot_offset(slot);
    if (load16(at) > index) store16(at, 0);
  }
  for (auto at = layout::page_offset(number, index + 1); at < layout::kSlotsOffset; at += 4) {
    store32(base + at, 0);
  }
}

void SharedIndex::append_entry(FrameNo frame, PageNo page) {
  US_ASSERT(holds_exclusive(Lock::write), "only the writer may change the wal-index");
  US_ASSERT(frame != 0 && page != 0, "frames and pages count from 1");
  const auto number = layout::block_of(frame);
  const auto index = frame - layout::frames_before(number);
  auto* base = block(number, true);
  auto* entry = base + layout::page_offset(number, index);
  if (index == 1 || load32(entry) != 0) clear_after(number, index - 1);

  auto slot = layout::first_slot(page);
  for (auto left = index; load16(base + layout::slot_offset(slot)) != 0;
       slot = layout::next_slot(slot)) {
    if (left-- == 0) {
      throw SqliteError("extend the wal-index of", path_, SQLITE_CORRUPT, "too many collisions");
    }
  }
  // The page first: a reader that meets the slot must find the page there.
  store32(entry, page);
  store16(base + layout::slot_offset(slot), static_cast<std::uint16_t>(index));
}

void SharedIndex::write_header(const IndexHeader& header) {
  US_ASSERT(holds_exclusive(Lock::write), "only the writer may publish");
  const auto words = encode(header);
  auto* base = block(0, true);
  store_words(base + layout::kIndexHeaderSize, words);
  barrier();
  store_words(base, words);
}

void SharedIndex::publish(IndexHeader header) {
  ++header.change_counter;
  write_header(header);
}

IndexHeader SharedIndex::restart(IndexHeader header, const Salts& salts) {
  US_ASSERT(holds_exclusive(Lock::checkpoint), "a reset beside a checkpoint loses frames");
  for (int slot = 1; slot < kReadSlots; ++slot) {
    US_ASSERT(holds_exclusive(read_lock(slot)), "a reset under a reader takes its snapshot away");
  }
  US_ASSERT(backfilled() == header.last_frame, "a reset drops frames that are not in the database");
  // Before the header, other than SQLite does it: should we die in between, nBackfill must not be
  // beyond the new mxFrame. The old header with 0 only means that frames are moved once more.
  auto* base = block(0, true);
  store32(base + layout::kBackfillOffset, 0);
  barrier();
  header.last_frame = 0;
  header.salts = salts;
  write_header(header);
  store32(base + layout::kBackfillAttemptedOffset, 0);
  set_read_mark(1, 0);
  for (int slot = 2; slot < kReadSlots; ++slot) set_read_mark(slot, kMarkNotUsed);
  return header;
}

}  // namespace understudy::wal
