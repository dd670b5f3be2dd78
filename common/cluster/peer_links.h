// PeerLinks: this node's word to the others. Probes each peer now and then, keeps the PeerView, and
// sends commands; whatever role runs, and while none does.
//
// Invariants
//  - One thread (peers) owns the sockets; a peer that is not there, does not answer or answers
//    nonsense costs bounded memory and no time of anybody else's.
//  - Each command is sent at most once, and its outcome is told exactly once. Outcome::not_sent is
//    certain: the peer never saw it. Outcome::silent says nothing about that.
//  - Functions of the options and those given to send_command() run on the peers thread, without
//    a lock held. They must not block, and must not call the blocking methods.
//
// All methods may be called from any thread, until the destructor.
#pragma once

#include "common/cluster/peer_view.h"
#include "common/transport/dealer_sockets.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace understudy {

struct PeerLinksOptions {
  std::vector<Endpoint> peers;  // this node's own may be among them; it is found out and left alone
  SocketOptions sockets = {.request_queue = 64, .reconnect_max_ms = 400};
  std::shared_ptr<Security> security = nullptr;          // null: without keys
  std::function<PeerReport()> report;                    // this node, as of now; cheap
  std::function<void(const PeerEvent&)> event;           // may be empty
  std::function<void(const LinkTrouble&)> trouble = {};  // likewise: why a peer cannot be reached
  std::function<void(std::exception_ptr)> failed;        // may be empty: std::terminate then
};

// A peer that has not answered: where it was asked, and who it was when it last did (empty: it
// never answered this process).
struct UnansweredPeer {
  Endpoint endpoint;
  std::string node;
};

struct CommandOutcome {
  enum class Kind : std::uint8_t { answered, silent, not_sent };
  Kind kind = Kind::not_sent;
  message::CommandReply reply;  // answered only
};

class PeerLinks {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // Begins to probe at once.
  explicit PeerLinks(PeerLinksOptions options);
  // Commands under way end as silent or not_sent, before it returns.
  ~PeerLinks();
  PeerLinks(const PeerLinks&) = delete;
  PeerLinks& operator=(const PeerLinks&) = delete;

  // Another node told of itself (by its own probe, to the server of whatever role runs here).
  void on_visit(const PeerReport& report);
  // Tells all peers at once what this node is now, and asks them.
  void announce();

  // What is known now; refresh() first where it must not be a second old.
  [[nodiscard]] std::optional<Peer> primary() const;
  [[nodiscard]] Epoch highest_epoch() const;
  [[nodiscard]] std::optional<Fork> fork() const;
  [[nodiscard]] std::vector<Peer> peers() const;
  [[nodiscard]] std::optional<Peer> find(const std::string& node) const;
  [[nodiscard]] std::optional<Endpoint> endpoint_of(const std::string& node) const;

  // Probes all and waits until each has answered a probe that was sent after this call (true), or
  // the time is over. With `only_connected` those that cannot be reached now are not waited for:
  // quick where nobody listens, but a link that just comes up is missed. Blocks.
  bool refresh(Milliseconds timeout, bool only_connected);

  // Those that have answered no probe that was sent at or after that time (monotonic).
  [[nodiscard]] std::vector<UnansweredPeer> unanswered(std::int64_t since_us) const;

  // The command gets an id of its own (command.command_id is overwritten). When the peer is not
  // connected it goes out as soon as it is, if that is within `timeout`.
  void send_command(const Endpoint& peer, message::Command command, Milliseconds timeout,
                    std::function<void(CommandOutcome)> ended);
  [[nodiscard]] CommandOutcome send_command(const Endpoint& peer, message::Command command,
                                            Milliseconds timeout);  // blocks

 private:
  struct Order {  // a command that has not ended
    std::size_t endpoint = 0;
    std::uint64_t id = 0;
    Bytes payload;
    std::int64_t until_us = 0;
    bool is_sent = false;
    std::function<void(CommandOutcome)> ended;
  };
  struct Ended {
    std::function<void(CommandOutcome)> tell;
    CommandOutcome outcome;
  };
  struct Link {
    std::uint64_t probe_id = 0;   // waits for the connection; 0: none
    std::int64_t refused_us = 0;  // when it was last found that nothing can be sent
  };

  void run_guarded();
  void run();
  void send_probes(const PeerReport& self, std::int64_t now_us);
  void send_orders(std::int64_t now_us);
  void end_unanswered(Order& order);
  void end_all_orders();
  void take_answers();
  void take_answer(std::size_t endpoint, Message answer);
  void take_troubles();
  bool tell();
  [[nodiscard]] int wait_ms(std::int64_t now_us) const;
  [[nodiscard]] bool is_answered(std::int64_t since_us, bool only_connected) const;

  PeerLinksOptions options_;
  Network network_;
  DealerSockets sockets_;
  Wake wake_;

  mutable std::mutex mutex_;
  std::condition_variable answered_;
  PeerView view_;
  std::vector<Link> links_;
  std::vector<Order> orders_;
  std::uint64_t next_command_id_;
  bool is_stopping_ = false;
  bool is_over_ = false;  // the thread does nothing any more

  // Of the peers thread.
  std::vector<bool> wanted_;
  std::vector<Ended> ended_;

  std::thread thread_;
};

}  // namespace understudy
