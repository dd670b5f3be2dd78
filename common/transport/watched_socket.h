// WatchedSocket: a connecting socket whose handshakes are told, with the keys that they need.
//
// One thread, that of the socket. For the .cpp files of this room only.
#pragma once

#include "common/transport/zmq_calls.h"

#include <cstring>
#include <string>

namespace understudy {

class WatchedSocket {
 public:
  // `events`: those of ZMQ_EVENT_… that look() is to tell.
  WatchedSocket(const Network& network, zmq::socket_type type, int events);
  ~WatchedSocket();
  WatchedSocket(const WatchedSocket&) = delete;
  WatchedSocket& operator=(const WatchedSocket&) = delete;

  [[nodiscard]] zmq::socket_t& socket() { return socket_; }
  // To be polled together with the socket; read by look() alone.
  [[nodiscard]] zmq::socket_t& events() { return events_; }

  // From the next connection on: the server must have this key, and is shown ours.
  void demand_key(const std::string& of_server, const Security& own);

  // Calls take(event, value) for each event that has come.
  template <typename Take>
  void look(Take take) {
    while (const auto parts = zmq_calls::receive_parts(events_)) {
      std::uint16_t event = 0;
      std::uint32_t value = 0;
      if (parts->first.size() != sizeof event + sizeof value) continue;
      std::memcpy(&event, parts->first.data(), sizeof event);
      std::memcpy(&value, parts->first.data<std::byte>() + sizeof event, sizeof value);
      take(event, value);
    }
  }

 private:
  zmq::socket_t events_;  // outlives the socket: its events are to be delivered
  zmq::socket_t socket_;
};

}  // namespace understudy
