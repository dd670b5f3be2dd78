// Method: every shape that two histories can have to each other, as a table; each row is checked
// from both sides.
#include "common/record/history.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace understudy;

namespace {

EpochStart start(Epoch epoch, std::uint64_t tenure, Seq first_seq, StateSum sum = 5) {
  return {.epoch = epoch,
          .node = "n",
          .tenure = tenure,
          .first_seq = first_seq,
          .sum = sum,
          .time_us = 1,
          .reason = "r"};
}

struct Shape {
  const char* name;
  History ours;
  History theirs;
  HistoryRelation expected;
};

const EpochStart kFirst = start(1, 100, 1);
const EpochStart kSecond = start(2, 200, 50);

const std::vector<Shape> kShapes{
    {"equal", {kFirst, kSecond}, {kFirst, kSecond}, {false, 0, kNoForkSeq, true}},
    {"only the first, equal", {kFirst}, {kFirst}, {false, 0, kNoForkSeq, true}},
    {"prefix", {kFirst}, {kFirst, kSecond}, {false, 0, 49, true}},
    {"prefix by several",
     {kFirst},
     {kFirst, kSecond, start(3, 300, 60), start(4, 400, 61)},
     {false, 0, 49, true}},
    {"both went on, in epochs of different numbers",
     {kFirst, kSecond},
     {kFirst, start(3, 300, 40)},
     {false, 0, 39, true}},
    {"both went on, the lower epoch earlier",
     {kFirst, start(2, 200, 30)},
     {kFirst, start(3, 300, 40)},
     {false, 0, 29, true}},
    {"forked tenure", {kFirst, kSecond}, {kFirst, start(2, 201, 70)}, {true, 2, 49, true}},
    {"forked tenure at one seq",
     {kFirst, kSecond},
     {kFirst, start(2, 201, 50)},
     {true, 2, 49, true}},
    {"forked first_seq", {kFirst, kSecond}, {kFirst, start(2, 200, 45)}, {true, 2, 44, true}},
    {"forked sum", {kFirst, kSecond}, {kFirst, start(2, 200, 50, 6)}, {true, 2, 49, true}},
    {"a fork that a higher epoch decides",
     {kFirst, kSecond},
     {kFirst, start(2, 201, 70), start(3, 300, 90)},
     {false, 2, 49, true}},
    {"a fork that went on on both sides to the same number",
     {kFirst, kSecond, start(3, 300, 80)},
     {kFirst, start(2, 201, 70), start(3, 301, 90)},
     {true, 2, 49, true}},
    {"a fork of the first epoch: nothing is shared",
     {kFirst},
     {start(1, 101, 1)},
     {true, 1, 0, false}},
    {"a fork of the first epoch, decided",
     {kFirst},
     {start(1, 101, 1), kSecond},
     {false, 1, 0, false}},
    {"promoted before the first record", {kFirst}, {kFirst, start(2, 2, 1)}, {false, 0, 0, true}},
    {"one empty", {}, {kFirst}, {false, 0, 0, false}},
    {"both empty", {}, {}, {false, 0, 0, false}},
    {"cut at its beginning",
     {kFirst, kSecond, start(3, 300, 60)},
     {start(3, 300, 60)},
     {false, 0, kNoForkSeq, true}},
    {"cut beyond what we know", {kFirst, kSecond}, {start(3, 300, 60)}, {false, 0, 0, false}},
};

History long_history(std::size_t count) {
  History history;
  for (Epoch epoch = 1; epoch <= count; ++epoch) {
    history.push_back(start(epoch, 1000 + epoch, 10 * epoch));
  }
  return history;
}

}  // namespace

TEST_CASE("every shape of two histories, from both sides") {
  for (const auto& shape : kShapes) {
    CAPTURE(std::string(shape.name));
    CHECK(compare(shape.ours, shape.theirs) == shape.expected);
    CHECK(compare(shape.theirs, shape.ours) == shape.expected);
  }
}

TEST_CASE("the words of an opening do not matter") {
  auto other = kSecond;
  other.node = "another";
  other.reason = "why";
  other.time_us = 77;
  CHECK(compare({kFirst, kSecond}, {kFirst, other}).common == kNoForkSeq);
}

TEST_CASE("histories that are cut to the newest openings still tell where they part") {
  const auto whole = long_history(400);
  const auto sent = newest(whole);
  CHECK(sent.size() == kHistoryLimit);
  CHECK(sent.back().is_same(whole.back()));
  CHECK(compare(whole, sent) == HistoryRelation{false, 0, kNoForkSeq, true});
  const History behind(whole.begin(), whole.begin() + 300);
  CHECK(compare(behind, sent) == HistoryRelation{false, 0, whole[300].first_seq - 1, true});
  auto forked = History(whole.begin(), whole.begin() + 399);
  forked.push_back(start(400, 1, 3995));
  CHECK(compare(forked, sent) == HistoryRelation{true, 400, 3994, true});
  const History unknown(whole.begin(), whole.begin() + 100);
  CHECK(compare(unknown, sent) == HistoryRelation{false, 0, 0, false});
  CHECK(newest({kFirst}).size() == 1);
}

TEST_CASE("the history of a position leaves out what was opened later") {
  const History history{kFirst, kSecond, start(5, 500, 80)};
  CHECK(up_to(history, {1, 0, 0})->size() == 1);
  CHECK(up_to(history, {1, 49, 0})->size() == 1);
  CHECK(up_to(history, {2, 50, 0})->size() == 2);
  CHECK(up_to(history, {5, 1000, 0})->size() == 3);
  CHECK_FALSE(up_to(history, {2, 49, 0}));  // its record is 50
  CHECK_FALSE(up_to(history, {3, 70, 0}));
  CHECK_FALSE(up_to(history, {6, 90, 0}));
  CHECK_FALSE(up_to({}, {1, 0, 0}));
}

TEST_CASE("what is no history") {
  CHECK(is_sound(History{kFirst, kSecond}));
  CHECK_FALSE(is_sound(History{}));
  CHECK_FALSE(is_sound(History{kSecond, kFirst}));
  CHECK_FALSE(is_sound(History{kFirst, kFirst}));
  CHECK_FALSE(is_sound(History{kFirst, start(2, 0, 50)}));
  CHECK(is_sound(History{kFirst, start(2, 1, 1)}));  // a stream without a transaction
  CHECK_FALSE(is_sound(History{kFirst, kSecond, start(3, 1, 50)}));
  CHECK_FALSE(is_sound(History{start(0, 1, 1)}));
  auto loud = kFirst;
  loud.reason = "a\nb";
  CHECK_FALSE(is_sound(History{loud}));
  loud.reason = std::string(kOpeningReasonLimit + 1, 'x');
  CHECK_FALSE(is_sound(History{loud}));
}

TEST_CASE("tenures are drawn, and that of an unrecorded epoch is the same on each node") {
  CHECK(begin_first_epoch("a", 1).tenure != begin_first_epoch("a", 1).tenure);
  CHECK(is_sound(History{begin_first_epoch("a", 1)}));
  const auto stream = StreamId::random();
  CHECK(unrecorded_first_epoch(stream) == unrecorded_first_epoch(stream));
  CHECK(unrecorded_first_epoch(stream).tenure != unrecorded_first_epoch(StreamId::random()).tenure);
  CHECK(is_sound(History{unrecorded_first_epoch(stream)}));
}
