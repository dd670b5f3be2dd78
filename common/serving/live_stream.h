// LiveStream: the way of what has become durable to all who subscribed.
//
// The thread that made it durable broadcasts it itself, unless the serve thread still has something
// in hand that comes first: a wake-up of the serve thread costs as much as a tenth of an fsync, and
// a commit waits for it. What the serve thread has to do with it waits until it is awake anyway.
//
// Invariants
//  - Broadcast order is log order, whichever thread does it.
//  - latest() of the serve thread is never ahead of what was broadcast or is in its hands.
//  - Bounded: what does not fit is announced, and fetched by whoever wants it.
//
// advance() is called by one thread, close() by the serve thread, as the rest. Nothing blocks but
// on the mutex, under which a message is handed to ZeroMQ.
#pragma once

#include "common/backend/backend.h"
#include "common/transport/sockets.h"

#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace understudy {

class LiveStream {
 public:
  struct Post {
    std::optional<Bytes> broadcast;  // an encoded LiveBatch; none: announce where the log stands
    LogBounds bounds;
    bool rewound = false;
  };
  struct Step {
    Seq seq = 0;
    std::int64_t time_us = 0;
  };
  // What the serve thread has not heard of yet.
  struct News {
    std::deque<Post> posts;           // to be broadcast or announced, in order; then end_turn()
    std::optional<LogBounds> latest;  // after them
    std::vector<Step> steps;          // when the log reached which seq, to a millisecond
    std::uint64_t appended_bytes = 0;
  };

  // `sockets` must live until close(); the live one is used under the mutex only.
  LiveStream(ServerSockets& sockets, const StreamId& stream) : sockets_(sockets), stream_(stream) {}

  // See Server::advance(). True: the serve thread must be woken.
  [[nodiscard]] bool advance(const LogBounds& bounds, std::span<const BatchView> appended,
                             std::int64_t now_us);

  // --- the serve thread ---

  [[nodiscard]] News take();
  void broadcast(ByteView message);
  void end_turn();  // what was taken is broadcast
  // `wanted`: each advance() has to wake us, for somebody waits for one. True: there was one since.
  [[nodiscard]] bool want_word(bool wanted);
  // True: somebody subscribed. To be asked whenever awake.
  [[nodiscard]] bool take_subscriptions();
  void reopen();  // see ServerSockets::reopen_live()
  void close();  // the sockets end: nothing is broadcast from here on

 private:
  [[nodiscard]] bool broadcast_now(const std::vector<Bytes>& live);
  void queue(std::vector<Bytes> live, const LogBounds& bounds, bool rewound, bool announce);

  ServerSockets& sockets_;
  const StreamId stream_;

  std::mutex mutex_;  // guards what follows, and the live socket
  std::deque<Post> posts_;
  std::size_t post_bytes_ = 0;
  std::optional<LogBounds> latest_;
  std::vector<Step> steps_;
  std::uint64_t appended_bytes_ = 0;
  bool has_news_ = false;    // latest_ was not taken yet
  bool is_in_hand_ = false;  // posts were taken, and may not be broadcast yet
  bool is_wanted_ = false;
  bool is_closed_ = false;
};

}  // namespace understudy
