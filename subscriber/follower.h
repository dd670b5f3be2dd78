// Follower: the standby's half of the protocol, as a state machine.
//
// Question answered: what does this standby do next, given all that it has seen? Events are method
// calls; what is to be done comes out of take_actions(), in order. No socket, file, clock, thread
// or random source in it: the follow thread drives it, and so does the simulator.
//
// Invariants
//  - The log is handed only batches that begin at the part it expects next and on the state sum it
//    ends with, of an epoch that is not lower. Duplicates, old and reordered ones change nothing;
//    a hole is fetched.
//  - A part in the middle of a record is taken only from a server whose history (instance) is the
//    one that the parts before it came from.
//  - A server of another stream, of a lower epoch, or of another opening of our last epoch (a fork)
//    is never followed.
//  - The epoch rises only by the record that opens it, so history and log always agree.
//  - While the log is rewound nothing is said to any server: what is asked and claimed speaks of
//  the
//    log as it is then, and the replica has told that it shows nothing beyond.
//  - What was handed over and is not durable yet, plus what was asked for, is bounded (kWindow),
//    and so are live batches that wait for a hole to be filled (kHeldLimit).
//  - A log with records that the replica does not show yet is not given up while it still can show
//    them.
//
// Time is monotonic microseconds; tick(now) comes first in each round. One thread (follow).
#pragma once

#include "common/backend/backend.h"
#include "common/serving/page_source.h"
#include "common/transport/message.h"
#include "subscriber/follower_resync.h"

#include <deque>

namespace understudy {

constexpr std::uint64_t kWindow = 8ull << 20;
constexpr std::size_t kHeldLimit = 4ull << 20;
constexpr std::int64_t kHelloRetry_us = 5'000;  // doubles up to kHelloRetryMax_us
constexpr std::int64_t kHelloRetryMax_us = 1'000'000;
constexpr std::int64_t kConnectLimit_us = 5'000'000;  // without an answer: next endpoint
constexpr std::int64_t kPingAfter_us = 1'000'000;     // of silence on the request side
constexpr std::int64_t kSilenceLimit_us = 5'000'000;  // then: next endpoint
constexpr std::int64_t kLiveSilence_us = 2'000'000;   // then: subscribe again
constexpr std::int64_t kFetchLimit_us = 5'000'000;    // without progress: Hello again
constexpr std::int64_t kAckInterval_us = 1'000;       // at most one a millisecond
constexpr std::int64_t kIdleAck_us = 1'000'000;       // and at least one a second
// What only became durable is acknowledged at once: commits wait for it.
constexpr std::int64_t kPeerConnectLimit_us =
    2'000'000;                                      // for kConnectLimit_us, with prefer_primary
constexpr std::int64_t kRoundPause_us = 500'000;    // when no endpoint is one to follow
constexpr std::int64_t kLookAgain_us = 10'000'000;  // for a primary, while a standby is followed

// What the follower wants done. Those for the log thread (Append … ResetLog) and those
// for the apply thread (BeginResync, HashGroup, StoreGroup, FinishResync) must each be carried out
// in the order in which they came.
namespace follow {

// Close the sockets, open new ones to this endpoint, subscribe first. `topic`: the stream id, or
// everything while the stream is not known.
struct Connect {
  std::size_t endpoint = 0;  // index into FollowerStart::endpoints
  std::optional<StreamId> topic;
};
struct Resubscribe {};
struct SendMessage {
  Message message;
};
struct Append {
  std::uint64_t ticket = 0;  // see Follower::on_log()
  Bytes blob;
};
// Remove the parts at the end whose record never ended.
struct DropOpenTail {
  std::uint64_t ticket = 0;
};
// Forget all records; the log begins anew behind `base`. Creates the log where there is none.
struct ResetLog {
  std::uint64_t ticket = 0;
  StreamId stream;
  Position base;
  History history;            // of base, or beyond it
  bool keep_orphans = false;  // the old records are not the primary's: put them aside first
};
// Keep the records > keep_until as orphans, then take them back. When the log is trimmed beyond
// that it is left as it is. Either way Follower::on_log(), and Follower::on_replica_rewound()
// behind it.
struct RewindLog {
  std::uint64_t ticket = 0;
  Seq keep_until = 0;
  std::string reason;
};
// Stop applying; open (or go on with) the stage.
struct BeginResync {
  StreamId stream;
  StateOutline outline;
};
// Tell the hashes of these pages as the stage or the replica has them: Follower::on_hashes().
struct HashGroup {
  PageNo first = 0;
  PageNo count = 0;
};
// Put the pages into the stage: Follower::on_group_stored().
struct StoreGroup {
  PageAnswer answer;
};
// All groups are stored, and the log has all records up to `min_seq`: at the first seq ≥ min_seq
// where the state sum is right the stage becomes the state. Follower::on_resync_finished() or
// on_resync_failed().
struct FinishResync {
  Seq min_seq = 0;
};
enum class Severity : std::uint8_t { detail, notice, warning, error };
// For the log that people read.
struct Report {
  Severity severity = Severity::notice;
  std::string text;
};
// Nothing more can be done without a person.
struct Stop {
  std::string reason;
};

using Action =
    std::variant<Connect, Resubscribe, SendMessage, Append, DropOpenTail, RewindLog, ResetLog,
                 BeginResync, HashGroup, StoreGroup, FinishResync, Report, Stop>;

}  // namespace follow

// Bounds, in bytes; smaller ones are for tests.
struct FollowerLimits {
  std::uint64_t window = kWindow;
  std::size_t held = kHeldLimit;
  std::size_t group = kGroupBytes;
};

// What a standby knows of itself when it starts, its log's open tail dropped.
struct FollowerStart {
  std::string node;
  std::vector<std::string> endpoints;  // for messages; tried in turn
  StreamId stream;                     // nil: new
  std::optional<LogBounds> log;        // nullopt: no log yet
  // What the replica shows, and the log has at that seq (LogReader::position_at); nullopt: no
  // replica, or one that is not in the history of the log.
  std::optional<Position> applied;
  FollowerLimits limits = {};
  History history = {};  // of the log; empty: no log
  // The endpoints are nodes of which any may lead: one that does not is passed over until all have
  // been asked, and one of our own name always.
  bool prefer_primary = false;
};

class Follower {
 public:
  explicit Follower(FollowerStart start);

  // --- events ---
  void tick(std::int64_t now_us);
  void on_message(Message message);  // from the DEALER
  void on_live(Message message);     // from the SUB
  // The log thread has carried out everything up to `ticket` (0: nothing yet); the log then spans
  // `bounds`, durable. Also after a trim.
  void on_log(std::uint64_t ticket, const LogBounds& bounds);
  void on_applied(const Position& position);
  // The replica cannot go on from what it has: diverged, damaged, missing.
  void on_replica_lost(std::string reason);
  void on_hashes(PageNo first, std::vector<PageHash> known);
  void on_group_stored(PageNo first);
  void on_resync_finished(const Position& position);
  void on_resync_failed(std::string reason);
  // The apply thread has seen that the log was rewound. What the replica shows now; nullopt:
  // nothing that the log carries on.
  void on_replica_rewound(const std::optional<Position>& applied);
  // Somebody knows that this is the one to follow: connect there now. No change when it is
  // followed.
  void prefer(std::size_t endpoint);

  [[nodiscard]] std::vector<follow::Action> take_actions();
  // When tick() has something to do without any other event; monotonic microseconds.
  [[nodiscard]] std::int64_t next_deadline_us() const;

  // Records with seq > this one are still needed from the local log: do not trim them.
  [[nodiscard]] Seq keep_after() const;

  // --- for status ---
  [[nodiscard]] StandbyState state() const { return state_; }
  [[nodiscard]] const StreamId& stream() const { return stream_; }
  [[nodiscard]] const std::optional<Position>& server_last() const { return server_last_; }
  [[nodiscard]] const std::string& server_name() const { return server_name_; }
  // The last position of the highest epoch that any server spoke of, however long ago.
  [[nodiscard]] const std::optional<Position>& known_last() const { return known_last_; }
  [[nodiscard]] const History& history() const { return history_; }
  [[nodiscard]] Position received() const { return chain_.last; }
  [[nodiscard]] Position durable() const { return durable_; }
  [[nodiscard]] std::optional<Position> applied() const { return applied_; }
  [[nodiscard]] std::size_t endpoint() const { return endpoint_; }

 private:
  // The end of the log as it will be when all that was handed over is carried out.
  struct Chain {
    Position last;  // last whole record
    PartKey next;
    Epoch epoch = 0;  // of the last batch; an open tail is of this epoch
  };
  struct FetchState {
    std::uint64_t id = 0;
    std::uint64_t granted = 0;  // credit given and not used up
    std::int64_t started_at = 0;
    std::int64_t progress_at = 0;
    bool brought = false;  // anything
  };
  struct Handed {
    std::uint64_t ticket = 0;
    std::size_t bytes = 0;
  };
  struct HeldBatch {
    PartKey first;
    PartKey next;
    Bytes blob;
  };
  struct Rewind {
    std::uint64_t ticket = 0;
    bool log_done = false;
    bool replica_done = false;
    std::optional<Position> applied;
  };
  enum class Link : std::uint8_t { closed, greeting, welcomed, stopped };

  // follower.cpp: connecting, liveness, acknowledging
  void connect(std::size_t endpoint);
  void connect_next(std::string_view why);
  void greet();  // begins a new greeting; the Hello goes out in check_hello()
  void check_hello();
  void stop(std::string reason);
  void check_liveness();
  void check_live_stream();
  void report_silence();
  void acknowledge();
  void update_state();
  void set_state(StandbyState state);
  void send(Message message);
  void report(follow::Severity severity, std::string text);
  [[nodiscard]] const std::string& endpoint_text() const;

  // follower_messages.cpp: what the server says
  void handle(message::Welcome& welcome);
  void handle(message::Batches& batches);
  void handle(message::FetchEnd& end);
  void handle(message::Outline& outline);
  void handle(message::Pages& pages);
  void handle(message::Pong& pong);
  void handle(message::Refused& refused);
  void handle(message::LiveBatch& live);
  void handle(message::Heartbeat& heartbeat);
  void handle(message::OtherVersion& other);
  template <typename M>
  void handle(M&);  // what is not for a standby
  [[nodiscard]] bool can_follow(message::Welcome& welcome);
  void refuse_foreign(const message::Welcome& welcome);
  void refuse_protocol(std::string text);
  void accept(const message::Welcome& welcome);
  void on_log_connects(const message::Welcome& welcome);

  // follower_history.cpp: epochs, forks, and what a returning primary has too much
  [[nodiscard]] Verdict check_histories(const message::Welcome& welcome) const;
  [[nodiscard]] std::string describe_fork(const message::Welcome& welcome) const;
  [[nodiscard]] std::optional<EpochStart> opening_of(const BatchView& batch) const;
  [[nodiscard]] bool begin_rewind(const message::Welcome& welcome);
  void note_rewound(const LogBounds& bounds);
  void finish_rewind();
  void tell_once(std::string_view key, follow::Severity severity, std::string text);
  void pass_over();
  [[nodiscard]] bool is_passed_over(const message::Welcome& welcome);
  void look_for_primary();

  // follower_log.cpp: the chain, holes, credit
  enum class Taken : std::uint8_t { appended, duplicate, hole, refused };
  enum class Source : std::uint8_t { fetch, live };
  Taken take_batch(Bytes blob, Source source);
  Taken append(const BatchHeader& header, Bytes blob, std::optional<EpochStart> opening);
  [[nodiscard]] bool connects(const BatchHeader& header) const;
  void hold(const BatchHeader& header, Bytes blob);
  void take_held();
  void note_server(const Position& last, PartKey next);
  void fetch_if_behind();
  void grant_credit();
  [[nodiscard]] std::uint64_t free_window() const;
  void drop_open_tail();
  void reset_log(const Position& base, History history, bool keep_orphans);

  // follower_resync.cpp: the exchange of pages
  void start_resync(ResyncLog log, std::string reason);
  void advance_resync();
  void request_outline();
  void request_groups();
  void ask_group(PageNo first, ResyncGroup& group);
  void resume_groups();
  void begin_stage(const StateOutline& outline);
  void finish_stage();
  [[nodiscard]] bool is_drained() const;
  [[nodiscard]] bool needs_resync() const { return !applied_.has_value(); }

  const std::string node_;
  const std::vector<std::string> endpoints_;
  const FollowerLimits limits_;
  const bool prefer_primary_;
  StreamId stream_;
  std::int64_t now_ = 0;
  StandbyState state_ = StandbyState::connecting;

  Link link_ = Link::closed;
  std::size_t endpoint_ = 0;
  std::int64_t connected_at_ = 0;  // when the sockets were opened
  std::uint64_t hello_id_ = 0;     // of the greeting under way or the last one
  std::int64_t hello_at_ = 0;      // when to say Hello (again)
  std::int64_t hello_delay_ = kHelloRetry_us;
  std::int64_t direct_heard_at_ = 0;
  std::int64_t live_heard_at_ = 0;
  std::int64_t subscribed_at_ = 0;
  std::int64_t pinged_at_ = 0;
  std::int64_t silence_report_after_ = kConnectLimit_us;
  bool silence_reported_ = false;
  std::vector<std::string_view> told_;  // why each endpoint is not followed: reported once
  std::size_t passed_over_ = 0;         // endpoints in a row, since one was followed
  std::optional<std::int64_t> next_endpoint_at_;
  std::int64_t look_again_at_ = 0;  // for a primary; 0: this is one

  std::string server_name_;
  std::uint64_t server_instance_ = 0;
  std::uint64_t tail_instance_ = 0;  // where the chain's open tail comes from
  History server_history_;           // as of the welcome
  std::optional<Position> server_last_;
  std::optional<Position> known_last_;
  PartKey server_next_;

  bool has_log_ = false;
  bool log_connects_ = false;  // with this server's, so that it may be extended from there
  Chain chain_;
  History history_;   // of the chain
  Position base_;     // of the chain
  Position durable_;  // last whole record that is fsynced
  std::uint64_t next_ticket_ = 1;
  std::uint64_t carried_out_ = 0;   // highest ticket that the log thread reported
  std::uint64_t reset_ticket_ = 0;  // bounds older than this ticket speak of the former log
  std::optional<Rewind> rewind_;    // under way
  std::deque<Handed> handed_;
  std::uint64_t handed_bytes_ = 0;
  std::optional<FetchState> fetch_;
  std::uint64_t next_fetch_id_ = 1;
  std::int64_t fetch_after_ = 0;  // not before; set when a fetch brought nothing
  std::deque<HeldBatch> held_;
  std::size_t held_bytes_ = 0;

  // What the replica shows; set only while that is in the history of our log.
  std::optional<Position> applied_;
  Seq catch_up_target_ = 0;  // streaming once this is applied
  std::optional<Resync> resync_;
  std::uint64_t next_request_id_ = 1;

  bool ack_due_ = false;
  std::int64_t acked_at_ = 0;
  Seq acked_durable_ = 0;
  std::vector<follow::Action> actions_;
};

}  // namespace understudy
