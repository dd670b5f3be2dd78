#include "common/archive/segment_writer.h"

#include "common/core/assert.h"
#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/file/new_name.h"

#include <utility>

namespace understudy {
namespace {

using namespace segment_format;

constexpr std::size_t kBufferBytes = 1024 * 1024;
// The kernel must not be left with more than this to write: others' fsyncs would wait for it.
constexpr std::uint64_t kSyncEvery = 32ull << 20;

}  // namespace

SegmentWriter::SegmentWriter(std::string partial, const SegmentHeader& header)
    : partial_(std::move(partial)), header_(header), next_{header.base.seq + 1, 0} {
  File::remove(partial_);
  file_ = std::make_unique<File>(partial_, File::Mode::create);
  footer_.last = header.base;
  const auto encoded = encode_header(header);
  seed_ = encoded.seed;
  write(encoded.bytes);
}

SegmentWriter::~SegmentWriter() {
  if (is_named_) return;
  file_.reset();
  try {
    File::remove(partial_);
  } catch (const IoError&) {
    // The next run removes it.
  }
}

void SegmentWriter::add_batch(const BatchView& batch) {
  const auto& header = batch.header;
  US_ASSERT(header.first == next_, "a segment has no gap");
  write(encode_head(batch.blob, seed_, footer_.batches));
  write(batch.blob);
  if (footer_.batches == 0) footer_.first_time_us = header.time_us;
  ++footer_.batches;
  footer_.batch_bytes += batch.blob.size();
  next_ = header.next();
  if (!header.closed) return;
  footer_.last = {header.epoch, header.last.seq, header.sum_after};
  footer_.last_time_us = header.time_us;
}

bool SegmentWriter::finish(History history, const std::string& folder) {
  US_ASSERT(is_at_record_end(), "a segment holds whole records");
  footer_.history = std::move(history);
  name_ = SegmentName::of(header_, footer_);
  write(encode_end(footer_, seed_));
  flush();
  failure_point("segment_written");
  // Before the rename: else the name could stand for a hole after a power loss.
  file_->sync();
  file_.reset();
  failure_point("segment_synced");
  is_named_ = give_new_name(partial_, folder + "/" + name_.to_string());
  failure_point("segment_named");
  return is_named_;
}

void SegmentWriter::write(ByteView bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kBufferBytes) flush();
}

void SegmentWriter::flush() {
  file_->write(offset_, buffer_);
  offset_ += buffer_.size();
  buffer_.clear();
  if (offset_ - synced_ < kSyncEvery) return;
  file_->sync();
  synced_ = offset_;
}

}  // namespace understudy
