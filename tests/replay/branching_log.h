// BranchingLog: a stream as a cluster writes it: epochs that follow on, and tails that an old
// primary wrote before it heard of the next one. Records are drawn at random; a run of them can be
// had as a log, cut and batched in any way.
#pragma once

#include "common/backend/backend.h"
#include "common/record/record.h"

#include <random>

namespace understudy::test {

struct ToyRecord {
  Position before;
  Position after;
  std::int64_t time_us = 0;
  std::uint32_t parts = 1;
  std::optional<EpochOpening> opening;
  bool operator==(const ToyRecord&) const = default;
};

// One line of records from record 1 on, with its history.
struct Branch {
  Position base;
  std::vector<ToyRecord> records;
  History history;

  [[nodiscard]] Position last() const { return position_at(records.size()); }
  [[nodiscard]] Position position_at(Seq seq) const {
    return seq == 0 ? base : records[seq - 1].after;
  }
};

class BranchingLog {
 public:
  explicit BranchingLog(unsigned seed);

  [[nodiscard]] std::mt19937& random() { return random_; }
  [[nodiscard]] std::size_t draw(std::size_t below) { return random_() % below; }
  [[nodiscard]] const StreamId& stream() const { return stream_; }
  [[nodiscard]] Branch begin();
  void add_records(Branch& branch, std::size_t count);
  // An epoch record; `node` has no weight but for messages.
  void open_epoch(Branch& branch, Epoch epoch, const std::string& node);
  // The first `seq` records, as a line of its own.
  [[nodiscard]] static Branch cut(const Branch& branch, Seq seq);

  // Records after+1 … until in batches of random size; `has_open_tail`: and a part of one more.
  [[nodiscard]] std::unique_ptr<LogReader> log(const Branch& branch, Seq after, Seq until,
                                               bool has_open_tail = false);
  [[nodiscard]] std::vector<Bytes> batches(const Branch& branch, Seq after, Seq until,
                                           bool has_open_tail = false);

 private:
  std::mt19937 random_;
  StreamId stream_;
  std::int64_t time_us_ = 1'700'000'000'000'000;
};

}  // namespace understudy::test
