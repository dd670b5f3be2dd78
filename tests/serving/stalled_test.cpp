// A standby that asks and does not read: what is made for it stays bounded, and nobody else waits.
#include "common/core/clock.h"
#include "common/serving/server.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdio>

using namespace understudy;

namespace {

constexpr std::int64_t kDeadline_us = 20'000'000;
constexpr std::size_t kAnswerBytes = 1024 * 1024;
constexpr int kRequests = 400;
// Those under way in the server's and in the client's socket, and what loopback takes.
constexpr int kMostAnswers = 100;

StreamId stream_id() {
  StreamId id;
  id.bytes.fill(9);
  return id;
}

class EmptyLog : public LogReader {
 public:
  LogBounds bounds() override {
    LogBounds bounds;
    bounds.base = bounds.last = {1, 0, 0};
    bounds.next = {1, 0};
    return bounds;
  }
  std::vector<Bytes> read(PartKey, std::size_t) override { return {}; }
  std::optional<Position> position_at(Seq seq) override { return Position{1, seq, 0}; }
  History history() override { return {unrecorded_first_epoch(stream_id())}; }
};

// Answers at once, a group of pages of 1 MiB each.
class Pages : public PageSource {
 public:
  void ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) override {
    ++asked;
    PageAnswer answer;
    answer.as_of = {1, 0, 0};
    answer.page_size = 4096;
    answer.page_count = 1'000'000;
    answer.first = request.first;
    answer.count = kAnswerBytes / 4096;
    answer.contents.resize(kAnswerBytes);
    for (PageNo i = 0; i < answer.count; ++i) answer.pages.push_back(request.first + i);
    done(std::move(answer));
  }
  [[nodiscard]] std::optional<StateOutline> outline() const override { return std::nullopt; }

  std::atomic<int> asked{0};
};

struct Standby {
  ClientSockets sockets;
  Wake wake;

  Standby(const Network& network, const Endpoint& endpoint, int queue)
      : sockets(network, endpoint, stream_id(), {.request_queue = queue}) {}

  void say(const Message& message) {
    const auto deadline = monotonic_time_us() + kDeadline_us;
    while (!sockets.send(encode_message(message))) {
      REQUIRE(monotonic_time_us() < deadline);
      sockets.wait(2, wake);
    }
  }

  template <typename M>
  M next() {
    const auto deadline = monotonic_time_us() + kDeadline_us;
    while (monotonic_time_us() < deadline) {
      while (const auto bytes = sockets.receive()) {
        const auto message = decode_message(*bytes);
        REQUIRE(message);
        if (const auto* found = std::get_if<M>(&*message)) return *found;
      }
      sockets.wait(20, wake);
    }
    FAIL("no answer in time");
    return {};
  }

  void say_hello(const std::string& name) {
    say(message::Hello{
        1, name, stream_id(), Position{1, 0, 0}, {unrecorded_first_epoch(stream_id())}});
    REQUIRE(next<message::Welcome>().verdict == Verdict::connects);
  }
  void ask_for(std::uint64_t id) {
    say(message::PagesRequest{id, static_cast<PageNo>(1 + id * 256), 256, {}});
  }
};

}  // namespace

TEST_CASE("who asks for pages and does not read gets no more than the connections take") {
  Network network;
  Pages pages;
  Server server({.node = "primary",
                 .stream = stream_id(),
                 .is_primary = true,
                 .listen = Endpoint::parse("tcp://127.0.0.1:0"),
                 .failed = {}},
                std::make_unique<EmptyLog>(), &pages);
  server.advance(EmptyLog().bounds());
  Standby lazy(network, server.endpoint(), 1);
  lazy.say_hello("lazy");
  Standby other(network, server.endpoint(), 1024);
  other.say_hello("other");
  for (std::uint64_t id = 1; id <= kRequests; ++id) {
    lazy.ask_for(id);
    other.say(message::Ping{});  // an answer to each: nobody else waits
    static_cast<void>(other.next<message::Pong>());
  }
  CHECK(pages.asked < kMostAnswers);
  std::printf("understudy-count: page requests of a standby that does not read=%d\n", kRequests);

  // Once it reads, all goes on.
  const auto deadline = monotonic_time_us() + kDeadline_us;
  for (std::uint64_t id = 1000, last = 0; last < 1000; ++id) {
    REQUIRE(monotonic_time_us() < deadline);
    lazy.ask_for(id);
    for (int i = 0; i < 8; ++i) {
      const auto answer = lazy.next<message::Pages>();
      if (answer.available) last = answer.request_id;
      if (answer.request_id == id) break;
    }
  }
}
