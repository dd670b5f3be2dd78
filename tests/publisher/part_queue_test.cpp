// PartQueue: order is kept, the bound holds, a stalled taker makes push() give up, closing wakes
// both.
#include "publisher/part_queue.h"

#include <doctest/doctest.h>

#include <thread>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

PendingBatch batch(Seq seq, std::size_t bytes) {
  PendingBatch made;
  made.header.first = made.header.last = {seq, 0};
  made.raw.resize(bytes);
  return made;
}

}  // namespace

TEST_CASE("what is pushed comes out in order, as much as asked for at a time") {
  PartQueue queue(1000);
  for (Seq seq = 1; seq <= 3; ++seq) REQUIRE(queue.push(batch(seq, 100), 0ms));
  const auto first = queue.take(200, 0ms);
  REQUIRE(first.size() == 2);
  CHECK(first[0].header.first.seq == 1);
  CHECK(first[1].header.first.seq == 2);
  CHECK(queue.take(200, 0ms).size() == 1);
  CHECK(queue.take(200, 0ms).empty());
}

TEST_CASE("a batch larger than what is asked for still comes, alone") {
  PartQueue queue(1000);
  REQUIRE(queue.push(batch(1, 500), 0ms));
  REQUIRE(queue.push(batch(2, 10), 0ms));
  CHECK(queue.take(100, 0ms).size() == 1);
}

TEST_CASE("a full queue refuses after the patience, and takes again once there is room") {
  PartQueue queue(1000);
  REQUIRE(queue.push(batch(1, 900), 0ms));
  CHECK_FALSE(queue.push(batch(2, 200), 5ms));
  std::thread taker([&] { CHECK(queue.take(1000, 1s).size() == 1); });
  CHECK(queue.push(batch(2, 200), 5s));
  taker.join();
}

TEST_CASE("an empty queue takes a batch larger than its bound: it must go somewhere") {
  PartQueue queue(10);
  CHECK(queue.push(batch(1, 100), 0ms));
  CHECK_FALSE(queue.push(batch(2, 1), 0ms));
}

TEST_CASE("closing ends a waiting push and take; what was in it can still be drained") {
  PartQueue queue(10);
  REQUIRE(queue.push(batch(1, 10), 0ms));
  std::thread pusher([&] { CHECK_FALSE(queue.push(batch(2, 10), 10s)); });
  queue.close();
  pusher.join();
  CHECK(queue.take(100, 10s).size() == 1);
  CHECK(queue.take(100, 10s).empty());
}
