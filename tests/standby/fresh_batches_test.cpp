// Method: a run of batches goes through the queue; what take() gives must be exactly the batch that
// holds the part, or nothing, so that the apply thread asks the log.
#include "subscriber/fresh_batches.h"

#include <doctest/doctest.h>

namespace understudy {
namespace {

// Record `seq`, whole, in a batch of `size` bytes. The queue looks at the header alone.
DurableBatch whole_record(Seq seq, std::size_t size = 100) {
  BatchHeader header;
  header.first = header.last = {seq, 0};
  header.closed = true;
  return {header, std::make_shared<const Bytes>(size)};
}

TEST_CASE("batches come out in order, and the end is known without asking the log") {
  FreshBatches fresh(1000);
  CHECK_FALSE(fresh.is_log_end({1, 0}));
  fresh.put(std::array{whole_record(1), whole_record(2)}, {3, 0});
  for (Seq seq = 1; seq <= 2; ++seq) {
    CHECK_FALSE(fresh.is_log_end({seq, 0}));
    const auto batch = fresh.take({seq, 0});
    REQUIRE(batch.has_value());
    CHECK(batch->header.first.seq == seq);
  }
  CHECK_FALSE(fresh.take({3, 0}).has_value());
  CHECK(fresh.is_log_end({3, 0}));
}

TEST_CASE("what does not fit is a hole, which only the log fills") {
  FreshBatches fresh(250);
  fresh.put(std::array{whole_record(1), whole_record(2), whole_record(3)}, {4, 0});
  CHECK(fresh.take({1, 0}).has_value());
  fresh.put(std::array{whole_record(4)}, {5, 0});
  CHECK(fresh.take({2, 0}).has_value());
  CHECK_FALSE(fresh.take({3, 0}).has_value());
  CHECK_FALSE(fresh.is_log_end({3, 0}));
  CHECK(fresh.take({4, 0}).has_value());
}

TEST_CASE("room is counted in bytes, and comes back with what is taken or forgotten") {
  FreshBatches fresh(200);
  for (Seq seq = 1; seq < 50; seq += 2) {
    fresh.put(std::array{whole_record(seq), whole_record(seq + 1)}, {seq + 2, 0});
    CHECK(fresh.take({seq + 1, 0}).has_value());  // forgets the one before
  }
}

TEST_CASE("after parts were taken back nothing of before is left") {
  FreshBatches fresh(1000);
  fresh.put(std::array{whole_record(1), whole_record(2)}, {3, 0});
  fresh.clear();
  CHECK_FALSE(fresh.take({1, 0}).has_value());
  CHECK_FALSE(fresh.is_log_end({3, 0}));
}

}  // namespace
}  // namespace understudy
