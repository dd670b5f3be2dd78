// Admission: which connections are let stand, before anybody showed a key.
//
// Question answered: how can a node be kept from drowning in connections, without turning away
// those that it lives by? By three bounds: connections at once, handshakes under way at once (the
// oldest gives way: an honest one is over within milliseconds), and new connections a second, for
// each host, and for all hosts together of which nobody was ever let in.
//
// Pure: the caller brings the time (monotonic), and closes what it is told to. Not thread-safe.
#pragma once

#include "common/core/rate_limit.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct AdmissionLimits {
  std::size_t connections = 512;  // at once
  std::size_t unproven = 128;     // of which nothing was heard that only a peer can say
  std::int64_t burst = 200;       // new ones of a host
  std::int64_t per_second = 100;
  std::int64_t stranger_burst = 200;  // new ones of all hosts of which nobody was ever let in
  std::int64_t strangers_per_second = 100;
  std::size_t hosts = 1024;  // remembered
};

class Admission {
 public:
  explicit Admission(const AdmissionLimits& limits = {});

  // A connection came; these are to be closed: itself, or one that gives way to it. They still end
  // with on_ended().
  [[nodiscard]] std::vector<int> on_accepted(int connection, const std::string& host,
                                             std::int64_t now_us);
  void on_proven(int connection);
  void on_host_known(const std::string& host, std::int64_t now_us);

  struct Ended {
    std::string host;
    std::int64_t age_us = 0;
    bool was_proven = false;
    bool was_turned_away = false;
  };
  // nullopt: it is not known.
  std::optional<Ended> on_ended(int connection, std::int64_t now_us);
  [[nodiscard]] std::size_t size() const { return connections_.size(); }

 private:
  struct Connection {
    std::string host;
    std::int64_t since_us = 0;
    bool is_proven = false;
    bool is_turned_away = false;
  };
  struct Host {
    RateLimit limit;
    bool is_known = false;
    std::int64_t seen_us = 0;
  };
  Host& host_of(const std::string& name, std::int64_t now_us);

  AdmissionLimits limits_;
  std::map<int, Connection> connections_;
  std::map<std::string, Host> hosts_;
  RateLimit strangers_;
};

}  // namespace understudy
