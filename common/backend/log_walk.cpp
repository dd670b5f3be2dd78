#include "common/backend/log_walk.h"

namespace understudy {
namespace {

constexpr std::size_t kReadBytes = 4 * 1024 * 1024;

class Walker {
 public:
  Walker(Seq after, Seq until, const std::function<bool(const RecordPart&)>& visit)
      : next_{after + 1, 0}, until_(until), visit_(visit) {}

  [[nodiscard]] PartKey next() const { return next_; }
  [[nodiscard]] bool done() const { return next_.seq > until_; }

  LogWalk take_batch(ByteView blob) {
    const auto batch = BatchView::parse(blob);
    if (!batch || !batch->unpack(raw_)) return LogWalk::damaged;
    ByteView rest(raw_);
    while (!rest.empty() && !done()) {
      if (!decode_part(rest, part_)) return LogWalk::damaged;
      const auto& header = part_.header;
      const PartKey key{header.seq, header.part};
      if (key < next_) continue;
      if (key != next_) return LogWalk::damaged;
      next_ = header.last ? PartKey{key.seq + 1, 0} : PartKey{key.seq, key.part + 1};
      if (!visit_(part_)) return LogWalk::stopped;
    }
    return LogWalk::complete;
  }

 private:
  PartKey next_;
  Seq until_;
  const std::function<bool(const RecordPart&)>& visit_;
  Bytes raw_;
  RecordPart part_;
};

}  // namespace

LogWalk walk_log(LogReader& log, Seq after, Seq until,
                 const std::function<bool(const RecordPart&)>& visit) {
  if (after >= until) return LogWalk::complete;
  const auto bounds = log.bounds();
  if (bounds.base.seq > after || bounds.last.seq < until) return LogWalk::not_covered;
  Walker walker(after, until, visit);
  while (!walker.done()) {
    const auto blobs = log.read(walker.next(), kReadBytes);
    if (blobs.empty()) return LogWalk::not_covered;  // trimmed meanwhile
    const auto before = walker.next();
    for (const auto& blob : blobs) {
      if (walker.done()) break;
      if (const auto got = walker.take_batch(blob); got != LogWalk::complete) return got;
    }
    if (walker.next() == before) return LogWalk::damaged;
  }
  return LogWalk::complete;
}

std::optional<Position> position_in_batch(ByteView blob, Seq seq) {
  const auto batch = BatchView::parse(blob);
  Bytes raw;
  if (!batch || !batch->unpack(raw)) return std::nullopt;
  ByteView rest(raw);
  RecordPart part;
  while (!rest.empty() && decode_part(rest, part)) {
    if (part.header.seq == seq && part.header.last) {
      return Position{part.header.epoch, seq, part.header.sum_after};
    }
  }
  return std::nullopt;
}

std::optional<Position> find_state(LogReader& log, StateSum sum) {
  const auto bounds = log.bounds();
  if (bounds.last.sum == sum) return bounds.last;
  std::optional<Position> found;
  if (bounds.base.sum == sum) found = bounds.base;
  (void)walk_log(log, bounds.base.seq, bounds.last.seq, [&](const RecordPart& part) {
    const auto& header = part.header;
    if (header.last && header.sum_after == sum) found = {header.epoch, header.seq, sum};
    return true;
  });
  return found;
}

}  // namespace understudy
