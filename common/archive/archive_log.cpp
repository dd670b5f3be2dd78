#include "common/archive/archive_log.h"

#include "common/backend/log_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace understudy {

std::unique_ptr<SegmentReader> open_segment(const ArchiveFolder& folder, const SegmentName& name) {
  auto reader = std::make_unique<SegmentReader>(folder.path_of(name));
  if (SegmentName::of(reader->header(), reader->footer()) != name) {
    throw CorruptionError(fmt::format(
        "{} does not hold what its name says: it is a copy of another one", reader->path()));
  }
  return reader;
}

ArchiveLog::ArchiveLog(ArchiveFolder folder, std::vector<SegmentName> run)
    : folder_(std::move(folder)), run_(std::move(run)) {
  {
    const auto first = open_segment(folder_, run_.front());
    stream_ = first->header().stream;
    bounds_.base = first->header().base;
    bounds_.oldest_time_us = first->footer().first_time_us;
  }
  opened_ = run_.size() - 1;
  reader_ = open_segment(folder_, run_.back());
  bounds_.last = reader_->footer().last;
  bounds_.next = {bounds_.last.seq + 1, 0};
  history_ = reader_->footer().history;
  for (const auto& name : run_) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(folder_.path_of(name), ignored);
    if (!ignored) bounds_.bytes += size;
  }
}

SegmentReader* ArchiveLog::open_holder(Seq seq) {
  const auto found = std::ranges::lower_bound(run_, seq, {}, &SegmentName::last);
  if (found == run_.end() || seq < found->first) return nullptr;
  const auto index = static_cast<std::size_t>(found - run_.begin());
  if (reader_ == nullptr || opened_ != index) {
    reader_.reset();
    reader_ = open_segment(folder_, *found);
    opened_ = index;
  }
  return reader_.get();
}

std::vector<Bytes> ArchiveLog::read(PartKey from, std::size_t max_bytes) {
  auto* segment = open_holder(from.seq);
  return segment == nullptr ? std::vector<Bytes>{} : segment->read(from, max_bytes);
}

std::optional<Position> ArchiveLog::position_at(Seq seq) {
  if (seq == bounds_.base.seq) return bounds_.base;
  auto* segment = open_holder(seq);
  if (segment == nullptr) return std::nullopt;
  if (segment->footer().last.seq == seq) return segment->footer().last;
  // The record may go on over several batches.
  auto from = PartKey{seq, 0};
  for (;;) {
    const auto blobs = segment->read(from, 1);
    if (blobs.empty()) return std::nullopt;
    if (const auto position = position_in_batch(blobs.front(), seq)) return position;
    const auto next = BatchView::parse(blobs.front())->header.next();
    if (next.seq > seq) return std::nullopt;
    from = next;
  }
}

}  // namespace understudy
