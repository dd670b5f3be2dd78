// PeerSession: the server's half of the protocol for one standby, as a state machine.
//
// Question answered: what does the server say next to this standby? Events are method calls,
// actions are what take_actions() hands over. No socket, clock or thread in it; the log is read
// through the LogReader interface, so a simulator can stand behind everything.
//
// Invariants
//  - Nothing is sent before a Hello has been answered with Verdict::connects or a reason to resync.
//  - What is under way never exceeds the credit that the standby gave, by more than one batch.
//  - A page answer leaves only when the state that it was read from is durable in the server's log:
//    were it sent earlier, a crash of the server could take that state back.
//
// One thread (serve).
#pragma once

#include "common/backend/backend.h"
#include "common/serving/page_source.h"
#include "common/transport/message.h"

#include <deque>

namespace understudy {

// What all sessions of one server share; owned by the server, kept up to date between events.
struct ServedLog {
  std::string node;
  StreamId stream;
  // The stream's records are made here. Nobody can be ahead of a primary: who is, has orphans.
  bool is_primary = false;
  // Changed whenever the log takes parts back (open tail dropped, reset); see message::Welcome.
  std::uint64_t instance = 0;
  std::optional<LogBounds> bounds;  // nullopt: nothing to serve yet
};

// Pure: what to answer to a standby whose log ends at `position` (nullopt: has none). `history` is
// that of the server's log, `at_same_seq` its own position after that seq, when its log covers it.
[[nodiscard]] Verdict judge_hello(const message::Hello& hello, const ServedLog& log,
                                  const History& history,
                                  const std::optional<Position>& at_same_seq);

// Pure: a log that spanned `before` spans `now`. Did it take anything back: its end, or all of it,
// to begin anew somewhere else? (What a trim takes is not taken back.)
[[nodiscard]] bool took_back(const LogBounds& before, const LogBounds& now);

constexpr std::int64_t kPeerSilenceLimit_us = 15'000'000;
constexpr std::uint64_t kCreditLimit = 16ull << 20;  // whatever a standby claims
constexpr std::size_t kReadBytes = 256 * 1024;       // of batches in one message
constexpr std::size_t kPagesOutstanding = 8;         // page requests of one standby

class PeerSession {
 public:
  struct Send {
    Message message;
  };
  struct AskOutline {};
  struct AskPages {
    std::uint64_t request_id;
    PageRequest request;
  };
  using Action = std::variant<Send, AskOutline, AskPages>;

  // How far the standby says it is; for status and for waiting.
  struct Progress {
    std::string name;
    StandbyState state = StandbyState::connecting;
    Seq received = 0;
    Seq durable = 0;
    Seq applied = 0;
    std::int64_t last_heard_us = 0;
  };

  PeerSession(const ServedLog& log, LogReader& reader, std::int64_t now_us);

  void on_message(Message message, std::int64_t now_us);
  void on_outline(const std::optional<StateOutline>& outline);
  void on_pages(std::uint64_t request_id, std::optional<PageAnswer> answer);
  void on_log_advanced();
  // The log took parts back: the standby has to say Hello anew.
  void on_log_rewound();

  // True: a fetch has credit and the log has not been found empty: call send_more().
  [[nodiscard]] bool has_more_to_send() const;
  // Reads and sends one message's worth of the log.
  void send_more();

  [[nodiscard]] std::vector<Action> take_actions();
  [[nodiscard]] bool is_expired(std::int64_t now_us) const;
  // True: an answer waits until the log has reached the state that it shows.
  [[nodiscard]] bool has_held_answers() const { return held_outline_ || !held_pages_.empty(); }
  [[nodiscard]] bool has_said_hello() const { return welcomed_; }
  [[nodiscard]] const Progress& progress() const { return progress_; }

 private:
  struct FetchState {
    std::uint64_t id = 0;
    PartKey next;
    std::uint64_t credit = 0;
  };

  void handle(const message::Hello& hello);
  void handle(const message::Fetch& fetch);
  void handle(const message::Credit& credit);
  void handle(const message::Ack& ack);
  void handle(const message::OutlineRequest&);
  void handle(message::PagesRequest& request);
  void handle(const message::Ping&);
  void handle(const message::OtherVersion& other);
  template <typename M>
  void handle(const M&);  // what only servers say

  void send(Message message);
  void refuse(RefusalCode code, std::string text);
  [[nodiscard]] bool is_durable(const Position& position) const;
  void release_held_answers();
  void end_fetch();

  const ServedLog& log_;
  LogReader& reader_;
  Progress progress_;
  bool welcomed_ = false;  // Hello answered with a verdict that lets the standby ask on
  std::optional<FetchState> fetch_;
  std::vector<std::uint64_t> pages_asked_;  // request ids with the page source
  std::deque<message::Pages> held_pages_;   // answers whose state is not durable yet
  std::optional<StateOutline> held_outline_;
  std::vector<Action> actions_;
};

}  // namespace understudy
