// LiveStream over real sockets: whoever broadcasts, the order is the log's; and who is woken when.
#include "common/serving/live_stream.h"

#include "common/core/clock.h"
#include "common/transport/message.h"
#include "tests/serving/numbered_batches.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

using namespace understudy;
using test::bounds_at;
using test::kDeadline_us;
using test::make_batch;
using test::stream_id;

namespace {

struct Scene {
  Network network;
  ServerSockets sockets{network, Endpoint::parse("tcp://127.0.0.1:0")};
  ClientSockets client{network, sockets.endpoint(), stream_id()};
  LiveStream live{sockets, stream_id()};
  Wake wake;
  Seq seq = 0;

  Scene() {
    CHECK(advance(0));  // the first word always wakes
    serve();
    const auto deadline = monotonic_time_us() + kDeadline_us;
    while (!live.take_subscriptions()) {
      REQUIRE(monotonic_time_us() < deadline);
      (void)sockets.wait(5, wake);
    }
  }

  bool advance(std::size_t size) {
    if (size == 0) return live.advance(bounds_at(seq), {}, monotonic_time_us());
    const auto blob = make_batch(++seq, size);
    return live.advance(bounds_at(seq), std::vector{*BatchView::parse(blob)}, monotonic_time_us());
  }

  // One round of the serve thread; what was announced.
  std::vector<Seq> serve() {
    std::vector<Seq> announced;
    const auto news = live.take();
    for (const auto& post : news.posts) {
      if (post.broadcast) live.broadcast(*post.broadcast);
      if (!post.broadcast) announced.push_back(post.bounds.last.seq);
    }
    live.end_turn();
    return announced;
  }

  // The numbers of the batches that arrive, until `last` has.
  std::vector<Seq> receive_until(Seq last) {
    std::vector<Seq> seqs;
    const auto deadline = monotonic_time_us() + kDeadline_us;
    while (seqs.empty() || seqs.back() < last) {
      REQUIRE(monotonic_time_us() < deadline);
      const auto bytes = client.receive_live();
      if (!bytes) {
        client.wait(5, wake);
        continue;
      }
      const auto message = decode_message(*bytes);
      REQUIRE(message);
      seqs.push_back(
          BatchView::parse(std::get<message::LiveBatch>(*message).blob)->header.first.seq);
    }
    return seqs;
  }
};

TEST_CASE("what is small and next leaves at once, and wakes nobody who does not ask for it") {
  Scene scene;
  CHECK_FALSE(scene.advance(500));
  CHECK(scene.receive_until(1) == std::vector<Seq>{1});
  CHECK(scene.live.want_word(true));  // record 1 was not heard of here
  CHECK(scene.serve().empty());
  CHECK_FALSE(scene.live.want_word(true));
  CHECK(scene.advance(500));
  (void)scene.serve();
  CHECK_FALSE(scene.live.want_word(false));
  CHECK_FALSE(scene.advance(500));
  CHECK(scene.receive_until(3) == std::vector<Seq>{2, 3});
}

TEST_CASE("what comes behind an announcement that is not made yet waits for it") {
  Scene scene;
  CHECK(scene.advance(2 * kLiveLimit));
  CHECK(scene.advance(500));
  auto news = scene.live.take();
  CHECK(scene.advance(500));  // in hand: not broadcast yet
  REQUIRE(news.posts.size() == 2);
  CHECK_FALSE(news.posts[0].broadcast);
  CHECK(news.latest->last.seq == 2);
  scene.live.broadcast(*news.posts[1].broadcast);
  scene.live.end_turn();
  (void)scene.serve();
  CHECK_FALSE(scene.advance(500));
  CHECK(scene.receive_until(4) == std::vector<Seq>{2, 3, 4});
}

// Sending takes in what the I/O thread has to say: the descriptor is silent about it then.
TEST_CASE("a subscription that comes while the serve thread broadcasts is not overlooked") {
  Scene scene;
  (void)scene.live.take_subscriptions();
  for (int i = 0; i < 50; ++i) {
    scene.client.resubscribe();
    const auto deadline = monotonic_time_us() + kDeadline_us;
    do {
      REQUIRE(monotonic_time_us() < deadline);
      scene.live.broadcast(encode_message(message::Heartbeat{}));
    } while (!scene.sockets.wait(0, scene.wake).live || !scene.live.take_subscriptions());
  }
}

TEST_CASE("after close() nothing is broadcast") {
  Scene scene;
  scene.live.close();
  CHECK_FALSE(scene.advance(500));
  scene.live.broadcast(encode_message(
      message::LiveBatch{make_batch(9, 100)}));  // the serve thread knows what it does
  CHECK(scene.receive_until(9) == std::vector<Seq>{9});
}

TEST_CASE("two threads broadcast, a third subscribes again and again: the order is the log's") {
  constexpr Seq kBatches = 1500;
  Scene scene;
  std::atomic<bool> done = false;
  std::size_t by_serve_thread = 0;
  std::thread serve([&] {
    while (!done) {
      (void)scene.live.take_subscriptions();
      by_serve_thread += scene.serve().size();
    }
    (void)scene.serve();
  });
  std::thread log([&] {
    std::minstd_rand random(3);
    while (scene.seq < kBatches) {
      (void)scene.advance(random() % 8 == 0 ? 2 * kLiveLimit : 100 + random() % 900);
      if (scene.seq % 10 == 0) std::this_thread::yield();
    }
    (void)scene.advance(100);
    done = true;
  });
  std::vector<Seq> seqs;
  const auto deadline = monotonic_time_us() + kDeadline_us;
  while (!done || monotonic_time_us() < deadline) {
    if (seqs.size() % 50 == 49) scene.client.resubscribe();
    const auto bytes = scene.client.receive_live();
    if (!bytes) {
      if (done && !scene.client.wait(300, scene.wake).live) break;
      continue;
    }
    const auto message = decode_message(*bytes);
    REQUIRE(message);
    seqs.push_back(BatchView::parse(std::get<message::LiveBatch>(*message).blob)->header.first.seq);
  }
  log.join();
  serve.join();
  CHECK(seqs.size() > 100);  // not all: a queue that is full drops
  CHECK(std::is_sorted(seqs.begin(), seqs.end()));
  CHECK(std::adjacent_find(seqs.begin(), seqs.end()) == seqs.end());
  CHECK(by_serve_thread > 0);
  MESSAGE("understudy-count: live batches received=" << seqs.size());
}

}  // namespace
