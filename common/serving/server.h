// Server: the serve thread of a node. Broadcasts what its log thread has made durable, and answers
// the standbys (PeerSession each): catch-up, pages for resync, acknowledgements.
//
// Invariants
//  - Only what is durable in this node's log is ever sent: advance() is called after the fsync.
//  - Broadcast order is log order; a heartbeat never runs ahead of the batches before it.
//  - A slow or silent standby costs bounded memory and no time of anybody else's.
//  - Probes and commands come without a Hello, from whoever can connect: they are answered out of
//    a bounded budget, and nothing of them is kept but the commands under way (kCommandsUnderWay).
//  - With keys, each message is judged by the rights that its sender's key has now. When a right is
//    withdrawn, all connections of the live stream end and all sessions begin anew.
//
// advance() and statuses() may be called from any thread and do not block on the
// network. The thread ends with stop() or the destructor, and with it the sockets; when it fails,
// `failed` of the options is called on it, once, with what happened.
#pragma once

#include "common/core/rate_limit.h"
#include "common/serving/cluster_handler.h"
#include "common/serving/listener.h"
#include "common/serving/live_stream.h"
#include "common/serving/outboxes.h"
#include "common/serving/peers.h"

#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace understudy {

struct ServerOptions {
  std::string node;
  StreamId stream;
  bool is_primary = false;  // see ServedLog
  Endpoint listen;
  std::unique_ptr<Listener> listener = nullptr;    // bound to it already; null: the server binds
  std::shared_ptr<Security> security = nullptr;    // for the latter; null: without keys
  std::function<void(std::exception_ptr)> failed;  // may be empty: std::terminate then
  // A standby has acknowledged, or time has passed (at least each 250 ms). Called on the serve
  // thread at once; `now_us` is monotonic. May be empty.
  std::function<void(const Peers& peers, std::int64_t now_us)> on_progress = {};
  // Answers probes and commands; must outlive the server. Null: they are refused.
  ClusterHandler* cluster = nullptr;
};

constexpr std::int64_t kHeartbeatInterval_us = 250'000;
constexpr std::int64_t kProbesPerSecond = 500;
constexpr std::int64_t kCommandsPerSecond = 20;
constexpr std::int64_t kRefusalsPerSecond = 200;
constexpr std::size_t kCommandsUnderWay = 8;
// A role that ends because of a command has answered it just before. The sockets stay so long after
// the last answer: the asker's side drops with the connection what it has not read.
constexpr std::int64_t kLastAnswer_us = 10'000;

class Server {
 public:
  // Binds at once, unless that is done (TransportError when a port is taken), and starts the
  // thread. `reader` reads the node's log and is used on the serve thread only. `pages` answers
  // resyncs; it must outlive the server, and may be null: no state to serve.
  Server(ServerOptions options, std::unique_ptr<LogReader> reader, PageSource* pages);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The log spans `bounds` now, all of it durable, and `appended` are the batches that are new (in
  // order; none after a trim). Those fit for it are broadcast, on this thread when it can be
  // (LiveStream). Call it once at the start, and after every change, one call at a time: a log that
  // took parts back shows in the bounds. When the serve thread is far behind, batches are not
  // queued: standbys fetch them.
  void advance(const LogBounds& bounds, std::span<const BatchView> appended = {});

  [[nodiscard]] std::vector<PeerStatus> statuses() const;
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  // Sends what was answered before, closes the sockets (the ports are free then), ends the thread.
  void stop();

 private:
  struct Answer {
    Bytes identity;
    std::uint64_t request_id = 0;
    std::optional<PageAnswer> answer;
  };
  struct Reply {
    Bytes identity;
    message::CommandReply reply;
  };
  class CommandTicket;
  // What other threads leave for the serve thread. Shared, so that a page source may answer even
  // when the server is gone.
  struct Mailbox {
    std::mutex mutex;
    std::vector<Answer> answers;
    std::vector<Reply> replies;  // to commands; at most kCommandsUnderWay
    std::vector<PeerStatus> statuses;
    bool stopping = false;
    Wake wake;
  };

  void run();
  void run_guarded();
  void take_news();
  [[nodiscard]] bool is_log_ahead();
  void take_answers();
  void take_requests();
  void take_request(const Bytes& identity, Message message);
  // server_access.cpp: who may ask for what
  [[nodiscard]] bool is_allowed(const ServerSockets::Request& request, const Message& message);
  void refuse(const ServerSockets::Request& request, const Message& message, Denial denial);
  void heed_withdrawals();
  // server_cluster.cpp
  void take_probe(const ServerSockets::Request& request, const message::Probe& probe);
  void take_command(const Bytes& identity, const message::Command& command);
  void take_replies();
  void carry_out(const Bytes& identity, PeerSession& session);
  void ask_pages(const Bytes& identity, PeerSession::AskPages question);
  void send_to(const Bytes& identity, const Message& message);
  void retry_outboxes();
  bool serve_fetches();
  void heartbeat();
  void publish_statuses();
  void on_tick();
  void tell_progress();
  [[nodiscard]] bool is_stopping() const;
  [[nodiscard]] int wait_ms() const;

  ServerOptions options_;
  std::unique_ptr<LogReader> reader_;
  PageSource* pages_;
  std::unique_ptr<Listener> listener_;  // of the serve thread, which closes it at its end
  ServerSockets& sockets_;              // its
  const Endpoint endpoint_;
  const std::shared_ptr<Security> security_;
  std::shared_ptr<Mailbox> mailbox_;

  // Of the serve thread.
  ServedLog log_;
  Peers peers_;
  Outboxes outboxes_;
  LiveStream live_;
  LagClock lag_;
  LogBytes bytes_;
  std::vector<Bytes> gone_;  // connections found dead in this round
  std::int64_t now_us_ = 0;
  std::int64_t heartbeat_at_us_ = 0;
  std::int64_t tick_at_us_ = 0;
  bool statuses_due_ = false;  // somebody acknowledged
  bool progress_due_ = false;  // … in this round
  std::int64_t statuses_at_us_ = 0;
  RateLimit probe_limit_{64, kProbesPerSecond};
  RateLimit refusal_limit_{64, kRefusalsPerSecond};
  std::uint64_t withdrawals_ = 0;  // heeded
  RateLimit command_limit_{kCommandsUnderWay, kCommandsPerSecond};
  std::size_t commands_under_way_ = 0;
  std::int64_t replied_at_us_ = 0;  // to a command

  std::thread thread_;
};

}  // namespace understudy
