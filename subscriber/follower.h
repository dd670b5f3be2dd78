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
//  - A server of another stream or a lower epoch is never followed.
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
constexpr std::int64_t kHelloRetry_us = 100'000;  // doubles up to kHelloRetryMax_us
constexpr std::int64_t kHelloRetryMax_us = 1'000'000;
constexpr std::int64_t kConnectLimit_us = 5'000'000;  // without an answer: next endpoint
constexpr std::int64_t kPingAfter_us = 1'000'000;     // of silence on the request side
constexpr std::int64_t kSilenceLimit_us = 5'000'000;  // then: next endpoint
constexpr std::int64_t kLiveSilence_us = 2'000'000;   // then: subscribe again
constexpr std::int64_t kFetchLimit_us = 5'000'000;    // without progress: Hello again
constexpr std::int64_t kAckInterval_us = 1'000;       // at most one a millisecond
constexpr std::int64_t kIdleAck_us = 1'000'000;       // and at least one a second

// What the follower wants done. Those for the log thread (Append, DropOpenTail, ResetLog) and those
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

using Action = std::variant<Connect, Resubscribe, SendMessage, Append, DropOpenTail, ResetLog,
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
  void handle(M&);  // what only standbys say
  [[nodiscard]] bool can_follow(const message::Welcome& welcome);
  void accept(const message::Welcome& welcome);
  void on_log_connects(const message::Welcome& welcome);

  // follower_log.cpp: the chain, holes, credit
  enum class Taken : std::uint8_t { appended, duplicate, hole, refused };
  enum class Source : std::uint8_t { fetch, live };
  Taken take_batch(Bytes blob, Source source);
  Taken append(const BatchHeader& header, Bytes blob);
  [[nodiscard]] bool connects(const BatchHeader& header) const;
  void hold(const BatchHeader& header, Bytes blob);
  void take_held();
  void note_server(const Position& last, PartKey next);
  void fetch_if_behind();
  void grant_credit();
  [[nodiscard]] std::uint64_t free_window() const;
  void drop_open_tail();
  void reset_log(const Position& base, bool keep_orphans);

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
  Verdict last_verdict_ = Verdict::connects;  // so that waiting is reported once

  std::string server_name_;
  std::uint64_t server_instance_ = 0;
  std::uint64_t tail_instance_ = 0;  // where the chain's open tail comes from
  std::optional<Position> server_last_;
  PartKey server_next_;

  bool has_log_ = false;
  bool log_connects_ = false;  // with this server's, so that it may be extended from there
  Chain chain_;
  Position base_;     // of the chain
  Position durable_;  // last whole record that is fsynced
  std::uint64_t next_ticket_ = 1;
  std::uint64_t carried_out_ = 0;   // highest ticket that the log thread reported
  std::uint64_t reset_ticket_ = 0;  // bounds older than this ticket speak of the former log
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
  std::vector<follow::Action> actions_;
};

}  // namespace understudy
