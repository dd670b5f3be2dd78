// See branching_log.h.
#include "branching_log.h"

#include "common/core/assert.h"

#include <algorithm>
#include <limits>

namespace understudy::test {
namespace {

// Batches in memory, given out as a backend does.
class MemoryLog final : public LogReader {
 public:
  MemoryLog(LogBounds bounds, History history, std::vector<Bytes> blobs)
      : bounds_(bounds), history_(std::move(history)), blobs_(std::move(blobs)) {}

  LogBounds bounds() override { return bounds_; }
  History history() override { return history_; }

  std::vector<Bytes> read(PartKey from, std::size_t max_bytes) override {
    std::vector<Bytes> out;
    std::size_t bytes = 0;
    for (const auto& blob : blobs_) {
      if (BatchView::parse(blob)->header.last < from) continue;
      if (!out.empty() && bytes + blob.size() > max_bytes) break;
      bytes += blob.size();
      out.push_back(blob);
    }
    return out;
  }

  std::optional<Position> position_at(Seq seq) override {
    if (seq == bounds_.base.seq) return bounds_.base;
    if (seq < bounds_.base.seq || seq > bounds_.last.seq) return std::nullopt;
    Bytes raw;
    RecordPart part;
    for (const auto& blob : read({seq, 0}, std::numeric_limits<std::size_t>::max())) {
      US_ASSERT(BatchView::parse(blob)->unpack(raw), "made here");
      ByteView rest(raw);
      while (!rest.empty() && decode_part(rest, part)) {
        if (part.header.seq == seq && part.header.last) {
          return Position{part.header.epoch, seq, part.header.sum_after};
        }
      }
    }
    return std::nullopt;
  }

 private:
  LogBounds bounds_;
  History history_;
  std::vector<Bytes> blobs_;
};

// The batch being filled.
struct OpenBatch {
  BatchHeader header;
  Bytes raw;
  std::size_t parts = 0;

  void add(const ToyRecord& record, std::uint32_t index) {
    const bool is_last = index + 1 == record.parts;
    PartHeader part{.kind = record.opening ? RecordKind::epoch : RecordKind::transaction,
                    .epoch = record.after.epoch,
                    .seq = record.after.seq,
                    .part = index,
                    .last = is_last,
                    .page_size = 512,
                    .time_us = record.time_us,
                    .sum_before = record.before.sum,
                    .page_count = is_last ? 1u : 0u,
                    .sum_after = is_last ? record.after.sum : 0};
    PartBuilder builder;
    if (record.opening) builder.open_epoch(*record.opening);
    builder.finish(part, raw);
    if (parts++ == 0) {
      header.first = {part.seq, index};
      header.sum_before = header.sum_after = part.sum_before;
      header.records = 0;
    }
    header.epoch = part.epoch;
    header.last = {part.seq, index};
    header.closed = is_last;
    header.time_us = part.time_us;
    if (!is_last) return;
    ++header.records;
    header.sum_after = part.sum_after;
  }

  void finish(std::vector<Bytes>& out) {
    if (parts == 0) return;
    header.raw_bytes = static_cast<std::uint32_t>(raw.size());
    out.push_back(encode_batch(header, raw));
    raw.clear();
    parts = 0;
  }
};

}  // namespace

BranchingLog::BranchingLog(unsigned seed) : random_(seed) {
  for (auto& byte : stream_.bytes) byte = static_cast<std::uint8_t>(random_());
}

Branch BranchingLog::begin() {
  Branch branch;
  branch.base = {1, 0, random_()};
  branch.history = {{.epoch = 1,
                     .node = "first",
                     .tenure = random_() + 1ull,
                     .first_seq = 1,
                     .sum = branch.base.sum,
                     .time_us = time_us_,
                     .reason = "created"}};
  return branch;
}

void BranchingLog::add_records(Branch& branch, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto before = branch.last();
    time_us_ += static_cast<std::int64_t>(1 + draw(2'000'000));
    branch.records.push_back(
        {before,
         {before.epoch, before.seq + 1, (std::uint64_t{random_()} << 32) | random_()},
         time_us_,
         1 + static_cast<std::uint32_t>(draw(4) == 0 ? draw(3) : 0),
         {}});
  }
}

void BranchingLog::open_epoch(Branch& branch, Epoch epoch, const std::string& node) {
  const auto before = branch.last();
  const EpochOpening opening{node, random_() + 1ull, "test"};
  time_us_ += 1000;
  branch.records.push_back({before, {epoch, before.seq + 1, before.sum}, time_us_, 1, opening});
  branch.history.push_back({.epoch = epoch,
                            .node = node,
                            .tenure = opening.tenure,
                            .first_seq = before.seq + 1,
                            .sum = before.sum,
                            .time_us = time_us_,
                            .reason = "test"});
}

Branch BranchingLog::cut(const Branch& branch, Seq seq) {
  Branch out{
      branch.base, {branch.records.begin(), branch.records.begin() + static_cast<long>(seq)}, {}};
  out.history = up_to(branch.history, out.last()).value();
  return out;
}

std::vector<Bytes> BranchingLog::batches(const Branch& branch, Seq after, Seq until,
                                         bool has_open_tail) {
  std::vector<Bytes> blobs;
  OpenBatch batch;
  batch.header.stream = stream_;
  for (auto seq = after + 1; seq <= until; ++seq) {
    const auto& record = branch.records[seq - 1];
    if (record.opening) batch.finish(blobs);
    for (std::uint32_t index = 0; index < record.parts; ++index) {
      batch.add(record, index);
      if (draw(5) == 0) batch.finish(blobs);
    }
  }
  if (has_open_tail) {
    ToyRecord begun{branch.position_at(until), branch.position_at(until), time_us_, 2, {}};
    ++begun.after.seq;
    batch.add(begun, 0);
  }
  batch.finish(blobs);
  return blobs;
}

std::unique_ptr<LogReader> BranchingLog::log(const Branch& branch, Seq after, Seq until,
                                             bool has_open_tail) {
  const LogBounds bounds{.base = branch.position_at(after),
                         .last = branch.position_at(until),
                         .next = {until + 1, has_open_tail ? 1u : 0u}};
  return std::make_unique<MemoryLog>(bounds, up_to(branch.history, bounds.last).value(),
                                     batches(branch, after, until, has_open_tail));
}

}  // namespace understudy::test
