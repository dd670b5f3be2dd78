#include "replay/segment_logs.h"

namespace understudy {
namespace {

// The segment that is open, of all that share it.
struct OpenSegment {
  std::string path;
  std::unique_ptr<LogReader> log;
};

class SegmentLog final : public LogReader {
 public:
  SegmentLog(SegmentEntry segment, std::shared_ptr<OpenSegment> open)
      : segment_(std::move(segment)), open_(std::move(open)) {}

  LogBounds bounds() override {
    const auto& head = segment_.head;
    return {.base = head.base,
            .last = head.last,
            .next = {head.last.seq + 1, 0},
            .bytes = head.bytes,
            .oldest_time_us = head.first_time_us};
  }
  History history() override { return segment_.head.history; }

  std::vector<Bytes> read(PartKey from, std::size_t max_bytes) override {
    return opened().read(from, max_bytes);
  }

  std::optional<Position> position_at(Seq seq) override {
    const auto& head = segment_.head;
    if (seq == head.base.seq) return head.base;
    if (seq == head.last.seq) return head.last;
    if (seq < head.base.seq || seq > head.last.seq) return std::nullopt;
    return opened().position_at(seq);
  }

 private:
  LogReader& opened() {
    if (open_->path != segment_.path) {
      open_->log.reset();
      open_->log = open_segment(segment_.path);
      open_->path = segment_.path;
    }
    return *open_->log;
  }

  SegmentEntry segment_;
  std::shared_ptr<OpenSegment> open_;
};

}  // namespace

std::vector<LogSource> open_segment_logs(std::vector<SegmentEntry> segments) {
  const auto open = std::make_shared<OpenSegment>();
  std::vector<LogSource> logs;
  logs.reserve(segments.size());
  for (auto& segment : segments) {
    auto name = segment.path;
    const auto stream = segment.head.stream;
    logs.push_back(
        {std::move(name), stream, std::make_unique<SegmentLog>(std::move(segment), open)});
  }
  return logs;
}

}  // namespace understudy
