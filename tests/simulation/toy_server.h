// The serving side of a simulated node: the product's Peers and PeerSessions, on a toy network.
// Does what common/serving/server.cpp does around its sockets.
#pragma once

#include "common/serving/peers.h"
#include "tests/simulation/toy_log.h"
#include "tests/simulation/toy_network.h"

namespace understudy::sim {

// The answer to a page request out of a state.
PageAnswer answer_from(const ToyPages& pages, const Position& position, const PageRequest& request);

class ToyServer : public ServerPort {
 public:
  ToyServer(Events& events, Chance& chance, ToyNetwork& network, std::size_t index,
            const std::optional<ToyLog>& log, PageSource& pages, bool is_primary);
  ~ToyServer() override;
  ToyServer(const ToyServer&) = delete;
  ToyServer& operator=(const ToyServer&) = delete;

  void advance(const std::vector<Bytes>& appended);
  void on_request(const Bytes& identity, const Bytes& payload) override;
  void on_subscription() override;
  // Called for what comes without a Hello; empty: no answer.
  struct Cluster {
    std::function<PeerReport(const PeerReport&)> on_probe;
    std::function<void(const message::Command&)> on_command;
  };
  Cluster cluster;
  // Called with each Ack that comes in.
  std::function<void(const std::string& name, const message::Ack&)> on_ack;

 private:
  void carry_out(const Bytes& identity, PeerSession& session);
  void serve();
  void schedule_serve();
  void heartbeat();
  void every_heartbeat();
  // Runs f later, unless the server is gone by then.
  void later(std::int64_t delay_us, std::function<void()> f);

  Events& events_;
  Chance& chance_;
  ToyNetwork& network_;
  std::size_t index_;
  const std::optional<ToyLog>& toy_log_;
  PageSource& pages_;
  ToyReader reader_;
  ServedLog log_;
  Peers peers_;
  bool serving_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace understudy::sim
