// LogBuilder: makes batches that follow on, of records with one page change a part, whose content
// is a function of (seq, part): so what is read back can be recognised.
#pragma once

#include "common/record/batch.h"
#include "common/record/history.h"
#include "common/record/record.h"

namespace understudy::test {

inline constexpr Position kBase{.epoch = 1, .seq = 0, .sum = 0xfeedfacecafef00d};

inline const History kHistory{{.epoch = 1,
                               .node = "first",
                               .tenure = 7,
                               .first_seq = 1,
                               .sum = kBase.sum,
                               .time_us = 1,
                               .reason = "created"}};

StreamId test_stream();
StateSum sum_after(Seq seq);  // kBase.sum for 0; the state sums of the built records

class LogBuilder {
 public:
  explicit LogBuilder(const Position& base = kBase, const StreamId& stream = test_stream());

  // Adds one part of about `bytes` to the batch being built.
  LogBuilder& part(std::size_t bytes, bool last);
  LogBuilder& records(int count, std::size_t bytes_each = 900);
  // Ends the batch: its blob. `time_us` stands for its last commit.
  Bytes batch(std::int64_t time_us = 1'000'000);
  // Batch of `count` whole records.
  Bytes batch_of(int count, std::size_t bytes_each = 900) {
    return records(count, bytes_each).batch();
  }
  // A batch of its own: the record that opens this epoch.
  Bytes open_epoch(Epoch epoch, const EpochOpening& opening = {"second", 11, "test"});
  // Records from here on are of this epoch, without one that opens it.
  void set_epoch(Epoch epoch) { epoch_ = epoch; }
  // Goes back to before the open record, as drop_open_tail() does.
  void drop_open_tail() { next_.part = 0; }

  [[nodiscard]] PartKey next() const { return next_; }
  [[nodiscard]] Position last() const { return last_; }

 private:
  StreamId stream_;
  Epoch epoch_;
  PartKey next_;
  Position last_;
  Bytes raw_;
  BatchHeader header_;
};

// Every part in the blobs, in order; fails the test when one does not decode.
std::vector<PartHeader> parts_of(const std::vector<Bytes>& blobs);
BatchView view(const Bytes& blob);

}  // namespace understudy::test
