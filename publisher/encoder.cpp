#include "publisher/encoder.h"

#include "common/core/assert.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/record/delta.h"
#include "common/record/page_hash.h"

namespace understudy {
namespace {

constexpr std::size_t kCacheBytes = 8 * 1024 * 1024;
constexpr std::size_t kBatchTarget = 256 * 1024;  // raw bytes; a batch is broadcast in one message
constexpr std::chrono::milliseconds kPatience{2000};

}  // namespace

Encoder::Encoder(wal::RawDatabase& database, PartQueue& queue, const StreamId& stream,
                 const Position& position, PageHashes hashes)
    : database_(database),
      queue_(queue),
      stream_(stream),
      position_(position),
      hashes_(std::move(hashes)),
      cache_(database.page_size(), kCacheBytes),
      former_(database.page_size()) {}

void Encoder::on_frame(const TailFrame& frame) {
  const auto hash = hash_page(frame.page, frame.content);
  if (mode_ == Mode::learning) {
    hashes_.set(frame.page, hash);
    if (frame.page_count_after != 0) hashes_.resize(frame.page_count_after);
    return;
  }
  open_record();
  former_is_exact_ = frame.former_is_exact && mode_ == Mode::records;
  if (hash != hashes_.get(frame.page))
    add_change(frame.page, hash, frame.content, frame.number - 1);
  if (frame.page_count_after == 0) return;
  if (mode_ == Mode::records) {
    close_record(frame.page_count_after, frame.cursor);
  } else {
    add_pages_never_written(frame.page_count_after, frame.number);
    hashes_.resize(frame.page_count_after);
  }
}

void Encoder::on_scanned_page(PageNo page, ByteView content, const wal::Cursor& cursor) {
  const auto hash = hash_page(page, content);
  if (hash == hashes_.get(page)) return;
  if (mode_ == Mode::learning) {
    hashes_.set(page, hash);
    return;
  }
  open_record();
  add_change(page, hash, content, cursor.frame);
}

void Encoder::finish_scan(std::uint32_t page_count, const wal::Cursor& cursor) {
  if (mode_ == Mode::learning) {
    hashes_.resize(page_count);
    position_.sum = hashes_.sum();
  } else if (open_ || page_count != hashes_.page_count() || hashes_.sum() != position_.sum) {
    open_record();
    close_record(page_count, cursor);
  } else {
    batch_.cursor = cursor;  // nothing differs: the next start need not look again
  }
  mode_ = Mode::records;
}

// The table must hold former content's hash for a delta: true for what this process has seen or
// rolled forward. In a WINDOW the database file may already hold later content; its hash tells.
// Where it cannot, another database was copied over this one, in place.
ByteView Encoder::read_former_content(PageNo page, wal::FrameNo frame) {
  const auto known = hashes_.get(page);
  if (known == 0) return {};
  database_.read_page(page, frame, former_);
  if (hash_page(page, former_) == known) return former_;
  if (former_is_exact_) {
    throw TailLost("page " + std::to_string(page) + " was written to below SQLite");
  }
  return {};
}

void Encoder::add_change(PageNo page, PageHash hash, ByteView content, wal::FrameNo frame) {
  delta_.clear();
  const auto cached = hashes_.get(page) == 0 ? std::span<std::byte>() : cache_.find(page);
  const auto former = cached.empty() ? read_former_content(page, frame) : ByteView(cached);
  const bool is_delta = !former.empty() && encode_delta(former, content, delta_);
  builder_.add({page, hash, is_delta ? PageEncoding::delta : PageEncoding::whole,
                is_delta ? ByteView(delta_) : content});
  hashes_.set(page, hash);
  if (is_delta && !cached.empty()) {
    US_ASSERT(apply_delta(cached, delta_), "a delta that was just made fits its page");
  } else {
    cache_.put(page, content);
  }
  if (builder_.size() >= kPartTarget) end_part(false, 0);
}

// SQLite writes every page that it adds to a database, but for the lock-byte page. Should one be
// missing all the same, it is what the file holds there, and the record must say so.
void Encoder::add_pages_never_written(std::uint32_t page_count, wal::FrameNo frame) {
  const auto lock_byte = lock_byte_page(database_.page_size());
  Bytes content(database_.page_size());
  for (auto page = page_count_before_ + 1; page <= page_count; ++page) {
    if (page == lock_byte || hashes_.get(page) != 0) continue;
    database_.read_page(page, frame, content);
    add_change(page, hash_page(page, content), content, frame);
  }
}

void Encoder::open_record() {
  if (open_) return;
  open_ = true;
  page_count_before_ = hashes_.page_count();
  part_ = PartHeader{};
  part_.kind = mode_ == Mode::repair ? RecordKind::repair : RecordKind::transaction;
  part_.epoch = position_.epoch;
  part_.seq = position_.seq + 1;
  part_.page_size = database_.page_size();
  part_.sum_before = position_.sum;
}

void Encoder::end_part(bool last, std::uint32_t page_count) {
  part_.last = last;
  part_.time_us = unix_time_us();
  part_.page_count = last ? page_count : 0;
  part_.sum_after = last ? hashes_.sum() : 0;
  auto& header = batch_.header;
  if (batch_.raw.empty()) {
    header = BatchHeader{};
    header.stream = stream_;
    header.epoch = part_.epoch;
    header.first = {part_.seq, part_.part};
    header.sum_before = header.sum_after = position_.sum;
    batch_.cursor.reset();
  }
  header.last = {part_.seq, part_.part};
  header.closed = last;
  header.time_us = part_.time_us;
  header.records += last ? 1 : 0;
  if (last) header.sum_after = part_.sum_after;
  builder_.finish(part_, batch_.raw);
  ++part_.part;
  if (!last && batch_.raw.size() >= kBatchTarget) flush();
}

void Encoder::close_record(std::uint32_t page_count, const wal::Cursor& cursor) {
  if (page_count > page_count_before_) add_pages_never_written(page_count, cursor.frame);
  hashes_.resize(page_count);
  end_part(true, page_count);
  position_ = {part_.epoch, part_.seq, hashes_.sum()};
  open_ = false;
  batch_.cursor = cursor;
  if (batch_.raw.size() >= kBatchTarget) flush();
}

void Encoder::flush() {
  if (batch_.raw.empty() && !batch_.cursor) return;
  if (!queue_.push(std::move(batch_), kPatience)) {
    throw LogStalled("the backend takes no more records");
  }
  batch_ = PendingBatch{};
}

}  // namespace understudy
