#include "common/archive/segment_reader.h"

#include "common/core/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

using namespace segment_format;

constexpr std::size_t kWindowBytes = 1024 * 1024;

}  // namespace

SegmentReader::SegmentReader(const std::string& path)
    : file_(path, File::Mode::read_only), size_(file_.size()) {
  read_header();
  read_footer();
}

void SegmentReader::refuse(std::string_view why) const {
  throw CorruptionError(fmt::format("{} is no whole segment: {}", path(), why));
}

ByteView SegmentReader::view(std::uint64_t offset, std::size_t size) {
  const bool is_inside = offset >= window_at_ && offset + size <= window_at_ + window_.size();
  if (!is_inside) {
    window_.resize(std::max(size, kWindowBytes));
    window_.resize(file_.read(offset, window_));
    window_at_ = offset;
  }
  const auto from = static_cast<std::size_t>(offset - window_at_);
  return ByteView(window_).subspan(from, std::min(size, window_.size() - from));
}

void SegmentReader::read_header() {
  const auto decoded = decode_header(view(0, kHeaderSize));
  switch (decoded.verdict) {
    case HeaderVerdict::whole:
      break;
    case HeaderVerdict::foreign:
      refuse("it does not begin like one");
    case HeaderVerdict::newer:
      throw ConfigError(
          fmt::format("{} is of format version {}, which this version of understudy ({}) does not "
                      "know; use a newer one",
                      path(), decoded.version, UNDERSTUDY_VERSION));
    case HeaderVerdict::damaged:
      refuse("its header is damaged");
  }
  header_ = decoded.header;
  seed_ = decoded.seed;
}

void SegmentReader::read_footer() {
  if (size_ < kHeaderSize + kTailSize) refuse("it is cut off");
  const auto length = decode_tail(view(size_ - kTailSize, kTailSize));
  if (!length || *length > size_ - kHeaderSize - kTailSize) {
    refuse("its end is cut off or damaged");
  }
  frames_end_ = size_ - kTailSize - *length;
  const auto footer = decode_end(view(frames_end_, *length + kTailSize), header_, seed_);
  if (!footer) refuse("its footer is damaged");
  footer_ = *footer;
  const auto frames = footer_.batches * kFrameHeadSize + footer_.batch_bytes;
  if (kHeaderSize + frames != frames_end_) refuse("it does not hold what its footer says");
}

const std::vector<SegmentDamage>& SegmentReader::damages() {
  scan();
  return damages_;
}

// Frame by frame. Behind a damaged batch the next one is looked for where its head says; where not
// even that makes sense, all that is left is lost.
void SegmentReader::scan() {
  if (std::exchange(is_scanned_, true)) return;
  next_ = {header_.base.seq + 1, 0};
  std::uint64_t at = kHeaderSize;
  for (std::uint64_t index = 0; index < footer_.batches; ++index) {
    const auto length = decode_head(view(at, kFrameHeadSize));
    if (!length || *length > frames_end_ - std::min(frames_end_, at + kFrameHeadSize)) {
      remember(at, "the head of a batch makes no sense");
      break;
    }
    take_frame(at, view(at, kFrameHeadSize + *length), index);
    at += kFrameHeadSize + *length;
  }
  note_missing({footer_.last.seq + 1, 0});
}

void SegmentReader::take_frame(std::uint64_t at, ByteView frame, std::uint64_t index) {
  const auto batch = frame.subspan(kFrameHeadSize);
  if (!fits(frame.first(kFrameHeadSize), batch, seed_, index)) {
    return remember(at, "the checksum of a batch does not fit");
  }
  const auto view = BatchView::parse(batch);
  if (!view) return remember(at, "a batch is damaged");
  const auto& header = view->header;
  if (header.stream != header_.stream) return remember(at, "a batch is of another stream");
  if (header.first < next_) return remember(at, "a batch does not follow on");
  note_missing(header.first);
  items_.push_back({header.first, header.next(), at + kFrameHeadSize, batch.size()});
  next_ = header.next();
}

// The first trouble since the last good batch is the one that is told.
void SegmentReader::remember(std::uint64_t at, const char* what) {
  if (trouble_.empty()) trouble_at_ = at;
  if (trouble_.empty()) trouble_ = what;
}

// What is not there before `part`, where the next good batch begins.
void SegmentReader::note_missing(PartKey part) {
  const auto what = std::exchange(trouble_, {});
  if (next_ == part && what.empty()) return;
  const auto until = part.part == 0 ? part.seq - 1 : part.seq;
  damages_.push_back({what.empty() ? 0 : trouble_at_, next_.seq, std::max(next_.seq, until),
                      what.empty() ? "records are missing" : what});
}

std::vector<Bytes> SegmentReader::read(PartKey from, std::size_t max_bytes) {
  scan();
  auto item = std::ranges::upper_bound(items_, from, {}, &Item::first);
  if (item != items_.begin() && from < std::prev(item)->next) --item;
  const bool is_there = item != items_.end() && item->first <= from && from < item->next;
  if (!is_there) {
    for (const auto& damage : damages_) {
      if (from.seq < damage.from || from.seq > damage.until) continue;
      throw CorruptionError(
          fmt::format("{} is damaged at byte {}: {}", path(), damage.offset, damage.what));
    }
    return {};
  }
  std::vector<Bytes> blobs;
  std::size_t bytes = 0;
  for (auto next = item->first; item != items_.end() && item->first == next; ++item) {
    if (!blobs.empty() && bytes + item->size > max_bytes) break;
    const auto blob = view(item->at, item->size);
    if (blob.size() != item->size) refuse("it is being cut off");
    blobs.emplace_back(blob.begin(), blob.end());
    bytes += item->size;
    next = item->next;
  }
  return blobs;
}

}  // namespace understudy
