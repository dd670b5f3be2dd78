// Door: decides who may connect to a server's sockets, and sees what becomes of every connection.
// Answers ZeroMQ's question whether a key may enter (ZAP), and watches its events to bound how many
// connect, and how fast (common/security/admission.h).
//
// A thread of its own ("door"), not a turn of the serve thread: handshakes are to be answered while
// that one is busy, and before anybody serves; and a flood of them is to take nothing from it.
// For the .cpp files of this room only.
#pragma once

#include "common/security/admission.h"
#include "common/security/security.h"
#include "common/transport/zmq_calls.h"

#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace understudy {

class Door {
 public:
  // Open for the whole context, before any of its sockets is bound; at most one of a context.
  Door(zmq::context_t& context, std::shared_ptr<Security> security);
  ~Door();  // after the watched sockets were unwatched
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // Before the socket is bound, and before it is closed; on its thread.
  void watch(zmq::socket_t& socket);
  void unwatch(zmq::socket_t& socket);
  // Over this connection (a file descriptor) something came that only a peer can say. Any thread.
  void note_proven(int connection);

 private:
  struct Watched {
    zmq::socket_t events;
    std::optional<Denial> failure;  // of the connection that ends next
    bool is_over = false;
  };

  void run();
  void answer();
  [[nodiscard]] std::string judge(const std::string& domain, const std::string& address,
                                  const std::string& key);
  void take_events(Watched& watched);
  void take_event(Watched& watched, std::uint16_t event, std::uint32_t value);
  void on_accepted(int connection);
  void on_ended(Watched& watched, int connection);

  zmq::context_t& context_;
  int watch_count_ = 0;  // of the thread that watches
  const std::shared_ptr<Security> security_;
  Wake wake_;

  std::mutex mutex_;  // guards what follows
  std::vector<zmq::socket_t> new_;
  std::set<int> proven_;  // told already, so that the serve thread need not wait for us each time
  std::vector<int> newly_proven_;
  bool is_stopping_ = false;

  // Of the door thread.
  zmq::socket_t questions_;
  std::vector<Watched> watched_;
  Admission admission_;
  std::map<int, std::string> callers_;  // address and port: a number may be another's later

  std::thread thread_;
};

}  // namespace understudy
