// Server::Loop: the thread that owns the connections of a Server, and the workers behind it.
#pragma once

#include "common/core/rate_limit.h"
#include "common/http/connection.h"
#include "common/http/server.h"
#include "common/http/workers.h"

#include <poll.h>

#include <array>
#include <map>
#include <mutex>
#include <thread>

namespace understudy::http {

class Server::Loop {
 public:
  Loop(ServerOptions options, const Router& router, EventFeed& feed);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

 private:
  // What workers hand back.
  struct Done {
    std::uint64_t id = 0;  // of the connection; 0: for all readers of events
    Router::Answer answer;
  };

  void run();
  void wait();
  void accept_all(std::int64_t now_us);
  void accept_one(int socket, std::int64_t now_us);
  [[nodiscard]] bool make_room();
  void dispatch(Connection& connection, std::int64_t now_us);
  void take_done(std::int64_t now_us);
  void begin_answer(Connection& connection, Router::Answer answer, std::int64_t now_us);
  void send_events(std::int64_t now_us);
  void beat(std::int64_t now_us);
  void end_idle();
  void forget_ended();
  [[nodiscard]] std::int64_t next_deadline_us() const;
  [[nodiscard]] std::size_t count_streams() const;
  void hand_back(Done done);  // any thread
  void wake();                // any thread

  const ServerOptions options_;
  const Router& router_;
  EventFeed& feed_;
  int wake_;  // eventfd

  // Of the loop's thread.
  RateLimit accepts_;
  std::int64_t accept_again_us_ = 0;  // not before; 0: at any time
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Connection> connections_;  // by id: the oldest first
  std::vector<pollfd> polled_;
  std::vector<std::uint64_t> polled_ids_;    // of polled_, behind the first two
  std::unique_ptr<EventFeed::Watch> watch_;  // while there are readers of events
  std::int64_t next_beat_us_ = 0;
  std::int64_t next_comment_us_ = 0;
  bool is_beating_ = false;  // a worker makes what goes to all

  std::mutex mutex_;  // guards what follows
  std::vector<Done> done_;
  bool stopping_ = false;

  std::thread thread_;
  std::array<std::unique_ptr<Workers>, kLanes> lanes_;  // last: they hand back to the above
};

}  // namespace understudy::http
