// Link: one connecting socket and its way to one server: with the key that this one must have, and
// again when ZeroMQ has given up.
//
// Question answered: why does nothing come from there? ZeroMQ never tries again by itself after a
// handshake that failed for good (a key that is refused, keys on one side only); the other side may
// be put right a minute later. So its events are looked at: they tell the cause, and when to
// connect anew.
//
// One thread, that of the socket. For the .cpp files of this room only.
#pragma once

#include "common/logging/repeated_trouble.h"
#include "common/transport/watched_socket.h"

#include <utility>

namespace understudy {

class Link {
 public:
  // Connects, now or whenever the other side is there. `prepare` sets what is special about the
  // socket, before.
  template <typename Prepare>
  Link(const Network& network, zmq::socket_type type, std::string address, std::string endpoint,
       bool is_to_feed, Prepare&& prepare)
      : Link(network, type, std::move(address), std::move(endpoint), is_to_feed) {
    prepare(socket());
    open();
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  [[nodiscard]] zmq::socket_t& socket() { return watched_.socket(); }
  // Often: takes what became of the handshakes, and connects anew where that is due.
  void look();
  // Why there is no connection, when that is worth telling (again).
  [[nodiscard]] std::optional<LinkTrouble> take_trouble() { return std::exchange(trouble_, {}); }

 private:
  Link(const Network& network, zmq::socket_type type, std::string address, std::string endpoint,
       bool is_to_feed);
  void open();
  void reopen();
  void take_event(std::uint16_t event, std::uint32_t value);
  void note(std::string text);

  const std::shared_ptr<Security> security_;
  const std::string address_;
  const std::string endpoint_;
  const bool is_to_feed_;
  WatchedSocket watched_;
  std::string key_;  // that the server must have; empty: none is asked for
  bool is_open_ = false;
  std::uint64_t version_ = 0;     // of the list of peers that key_ comes from
  std::int64_t again_at_us_ = 0;  // 0: ZeroMQ goes on by itself
  RepeatedTrouble repeated_;
  std::optional<LinkTrouble> trouble_;
};

}  // namespace understudy
