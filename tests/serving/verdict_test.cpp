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

ServedLog served(bool is_primary) {
  LogBounds bounds;
  bounds.base = {2, 10, 100};
  bounds.last = {3, 20, 200};
  bounds.next = {21, 0};
  return {"node", stream_of(1), is_primary, 7, bounds};
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
            const auto verdict =
                judge_hello({1, "s", stream, position}, log, covered ? at : std::nullopt);
            if (stream == stream_of(2)) {
              CHECK(verdict == Verdict::other_stream);
            } else if (stream.is_nil()) {
              CHECK(verdict == Verdict::no_log);
            } else if (epoch > 3) {
              CHECK(verdict == Verdict::stale_server);
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

TEST_CASE("a server without a log, and a standby without one") {
  auto log = served(true);
  CHECK(judge_hello({1, "s", stream_of(1), std::nullopt}, log, std::nullopt) == Verdict::no_log);
  CHECK(judge_hello({1, "s", stream_of(2), std::nullopt}, log, std::nullopt) ==
        Verdict::other_stream);
  log.bounds.reset();
  CHECK(judge_hello({1, "s", stream_of(2), std::nullopt}, log, std::nullopt) == Verdict::not_ready);
}
