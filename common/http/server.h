// Server: answers what a Router knows, on one listening socket.
//
// Invariants
//  - Clients cannot hold it up: no thread ever waits for one. The loop owns all connections and
//    moves bytes as they come; workers see whole requests and answer into memory.
//  - Bounded: connection_limit connections, each with a small head, one request and deadlines
//    (connection.h); streams_limit readers of events. When a new one comes and all are taken, the
//    one that has been sending its head for longest makes room: who asks quickly is answered.
//  - At most accepts_per_second connections a second; more wait in the kernel's queue.
//  - An idle server uses no processor time.
//
// Threads: `name` (the loop), `name`-… (workers, by lane, made when they are needed).
#pragma once

#include "common/http/event_feed.h"
#include "common/http/router.h"
#include "common/http/tls.h"
#include "common/http/traffic.h"

#include <memory>
#include <string>

namespace understudy::http {

struct ServerOptions {
  std::string name;                          // of its threads; at most 8 characters
  int listening = -1;                        // owned from here on
  std::shared_ptr<const TlsFiles> tls = {};  // null: plain
  std::shared_ptr<Traffic> traffic = std::make_shared<Traffic>();
  std::size_t connection_limit = 256;
  std::size_t streams_limit = 16;
  std::int64_t accepts_per_second = 500;
};

class Server {
 public:
  // Listens from here on. `router` and `feed` outlive it.
  Server(ServerOptions options, const Router& router, EventFeed& feed);
  // What is being answered is answered first; handlers that wait must be told to end before.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace understudy::http
