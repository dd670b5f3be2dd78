// The verdict on a Hello: a decision table over all its inputs.
#include "common/serving/peer_session.h"

#include <doctest/doctest.h>

using namespace understudy;

namespace {

StreamId stream_of(std::uint8_t fill) {
  StreamId id;
  id.bytes.fill(fill);
  return id;
}

// Epoch 2 from seq 8 on, epoch 3 from seq 16 on; log from 10 to 20.
History history() {
  return {{1, "a", 11, 1, 0, 0, ""}, {2, "b", 22, 8, 80, 0, ""}, {3, "a", 33, 16, 160, 0, ""}};
}

History until(Epoch epoch) {
  auto list = history();
  list.resize(epoch);
  return list;
}

ServedLog served(bool is_primary) {
  LogBounds bounds;
  bounds.base = {2, 10, 100};
  bounds.last = {3, 20, 200};
  bounds.next = {21, 0};
  return {"node", stream_of(1), is_primary, 7, bounds};
}

message::Hello hello(const Position& position, History theirs) {
  return {1, "s", stream_of(1), position, std::move(theirs)};
}

}  // namespace

TEST_CASE("the verdict follows from stream, epoch, seq and sum, in this order") {
  const std::vector<StreamId> streams = {StreamId{}, stream_of(1), stream_of(2)};
  for (const bool is_primary : {false, true}) {
    const auto log = served(is_primary);
    for (const auto& stream : streams) {
      for (const Epoch epoch : {1, 2, 3, 4}) {
        for (const Seq seq : {0, 9, 10, 15, 20, 21}) {
          for (const bool same : {false, true}) {
            const Position position{epoch, seq, 5};
            const std::optional<Position> at = same ? position : Position{epoch, seq, 6};
            const bool covered = seq >= 10 && seq <= 20;
            auto theirs = until(std::min<Epoch>(epoch, 3));
            if (epoch == 4) theirs.push_back({4, "b", 44, 19, 190, 0, ""});
            const message::Hello said{1, "s", stream, position, theirs};
            const auto verdict = judge_hello(said, log, history(), covered ? at : std::nullopt);
            const Seq common = epoch == 1 ? 7 : epoch == 2 ? 15 : 1000;
            if (stream == stream_of(2)) {
              CHECK(verdict == Verdict::other_stream);
            } else if (stream.is_nil()) {
              CHECK(verdict == Verdict::no_log);
            } else if (epoch > 3) {
              CHECK(verdict == Verdict::stale_server);
            } else if (seq > common) {
              CHECK(verdict == Verdict::diverged);
            } else if (seq > 20) {
              CHECK(verdict == (is_primary ? Verdict::diverged : Verdict::ahead));
            } else if (seq < 10) {
              CHECK(verdict == Verdict::too_old);
            } else {
              CHECK(verdict == (same ? Verdict::connects : Verdict::diverged));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("two openings of the last epoch are a fork, whatever the positions say") {
  const auto log = served(true);
  auto theirs = history();
  theirs[2].tenure = 34;
  for (const Seq seq : {5, 12, 17, 20, 30}) {
    const Position position{3, seq, 5};
    CHECK(judge_hello(hello(position, theirs), log, history(), position) == Verdict::forked);
  }
  // A higher epoch on our side decides it: they go back to what is shared.
  auto ours = history();
  ours.push_back({4, "a", 44, 19, 190, 0, ""});
  auto decided = log;
  decided.bounds->last.epoch = 4;
  const Position beyond{3, 16, 5};
  CHECK(judge_hello(hello(beyond, theirs), decided, ours, beyond) == Verdict::diverged);
  const Position before{2, 15, 5};
  CHECK(judge_hello(hello(before, until(2)), decided, ours, before) == Verdict::connects);
  // A higher one on theirs: we are the ones to go.
  theirs.push_back({4, "b", 45, 19, 190, 0, ""});
  CHECK(judge_hello(hello({4, 20, 5}, theirs), log, history(), std::nullopt) ==
        Verdict::stale_server);
}

TEST_CASE("a state that is equal does not hide that its epoch was opened twice") {
  // They hold epoch 3 of another tenure, which a fourth epoch of ours has overruled.
  auto theirs = history();
  theirs[2].tenure = 34;
  auto ours = history();
  ours.push_back({4, "a", 44, 19, 190, 0, ""});
  auto log = served(true);
  log.bounds->last.epoch = 4;
  const Position position{3, 16, 160};  // the epoch record changes no page
  CHECK(judge_hello(hello(position, theirs), log, ours, position) == Verdict::diverged);
}

TEST_CASE("histories without a common opening never connect") {
  const auto log = served(true);
  const History theirs = {{1, "x", 99, 1, 0, 0, ""}};
  CHECK(judge_hello(hello({1, 0, 0}, theirs), log, history(), Position{1, 0, 0}) ==
        Verdict::diverged);
  CHECK(judge_hello(hello({1, 12, 5}, {}), log, history(), Position{1, 12, 5}) ==
        Verdict::diverged);
}

TEST_CASE("a server without a log, and a standby without one") {
  auto log = served(true);
  CHECK(judge_hello({1, "s", stream_of(1), std::nullopt, {}}, log, history(), std::nullopt) ==
        Verdict::no_log);
  CHECK(judge_hello({1, "s", stream_of(2), std::nullopt, {}}, log, history(), std::nullopt) ==
        Verdict::other_stream);
  log.bounds.reset();
  CHECK(judge_hello({1, "s", stream_of(2), std::nullopt, {}}, log, history(), std::nullopt) ==
        Verdict::not_ready);
}

TEST_CASE("what a log takes back is told from what it trims and appends") {
  const auto bounds = [](const Position& base, const Position& last) {
    LogBounds made;
    made.base = base;
    made.last = last;
    made.next = {last.seq + 1, 0};
    return made;
  };
  const auto before = bounds({1, 5, 50}, {1, 9, 90});
  auto open = before;
  open.next = {10, 3};
  CHECK_FALSE(took_back(before, before));
  CHECK_FALSE(took_back(before, open));
  CHECK_FALSE(took_back(before, bounds({1, 9, 90}, {1, 9, 90})));  // trimmed as a whole
  CHECK_FALSE(took_back(before, bounds({1, 7, 70}, {2, 12, 120})));
  CHECK(took_back(open, before));
  CHECK(took_back(before, bounds({1, 5, 50}, {1, 8, 80})));
  // Begun anew, where the former log ended or behind it.
  CHECK(took_back(before, bounds({1, 9, 91}, {1, 9, 91})));
  CHECK(took_back(before, bounds({2, 12, 120}, {2, 12, 120})));
}
