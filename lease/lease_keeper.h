// LeaseKeeper: a node's part in the lease: holds and renews it, fences in time, or watches who
// holds it and takes it when it is gone. Events in, actions out; no clock, thread or socket in it.
//
// Invariants (docs/decisions/0021-lease.md has the argument)
//  - The leader's record is only swapped, on the revision that was read. What is not known to have
//    been swapped counts as not swapped for what this node may do, and as swapped for what it must
//    refrain from.
//  - While it holds: now < sent + ttl − margin of the last renewal known to have succeeded, or of
//    the last round in which every listed member promised to stay; else the application is fenced.
//  - It takes the lease of another node only when the record's last change was seen a ttl ago, or
//    says that nobody writes; and not within a promise to stay that it gave.
//  - Automatics rest while the store says paused, or the holder's record does: such a holder does
//    not fence when the store is gone.
//
// Time is microseconds of a monotonic clock that goes on while the machine sleeps. One thread.
#pragma once

#include "lease/election.h"
#include "lease/lease_store.h"

#include <deque>
#include <map>
#include <set>
#include <utility>

namespace understudy {

namespace lease {

// --- actions ---

struct Observe {};
struct Swap {
  LeaderRecord record;
  std::int64_t expected = 0;
};
struct Publish {
  MemberRecord record;
};
// Ask each of them, directly: promise not to take the lease within a ttl from when you hear this.
struct AskToStay {
  std::uint64_t round = 0;
  std::vector<std::string> nodes;
};
// The application must not write from here on: take the write lock, and try until it is had.
struct Fence {};
struct Unfence {};
// The deadline has passed, and the fence is not held: somebody else may lead any moment.
struct Alarm {};
// This node is to lead this very epoch: drain and open it, or say on_lead_failed().
struct Lead {
  Epoch epoch = 0;
  std::string reason;
  Seq at_least = 0;  // handed over: all that the one before had
};
// It does not hold the lease any more.
struct StandDown {
  Epoch epoch = 0;  // of the record that it saw
  std::string why;
};
// This record of this node stands in the store.
struct Recorded {
  LeaderRecord record;
};
// A log that began as a copy now holds all that this node may have confirmed before.
struct Proved {};
// For log and status.
struct Say {
  bool is_warning = false;
  std::string event;
  std::string text;
};

using Action = std::variant<Observe, Swap, Publish, AskToStay, Fence, Unfence, Alarm, Lead,
                            StandDown, Recorded, Proved, Say>;

// A holder that cannot reach the store asks this of each member.
struct StayRequest {
  std::string node;
  std::uint64_t process = 0;
  Epoch epoch = 0;
  std::int64_t ttl_us = 0;
};

}  // namespace lease

class LeaseKeeper {
 public:
  enum class Standing { observing, acquiring, holding, handing };

  LeaseKeeper(LeaseRules rules, std::int64_t now_us);

  // --- events ---

  void on_facts(const LeaseFacts& facts) { facts_ = facts; }
  void tick(std::int64_t now_us);
  // `sent_us`: when it was asked for.
  void on_view(LeaseView view, std::int64_t sent_us, std::int64_t now_us);
  void on_unreachable(std::int64_t now_us);  // Observe failed
  void on_swapped(const SwapOutcome& outcome, std::int64_t now_us);
  void on_swap_unknown(std::int64_t now_us);
  void on_stay_answer(std::uint64_t round, const std::string& node, bool agrees,
                      std::int64_t now_us);
  // Another node holds the lease and cannot reach the store. True: this one promises to stay.
  [[nodiscard]] bool on_stay_request(const lease::StayRequest& request, std::int64_t now_us);
  void on_fenced(bool is_held) { is_fenced_ = is_held; }
  void on_lead_failed(const std::string& why, std::int64_t now_us);

  // --- what the node wants ---

  // At a start: this node's log says that it leads `epoch`. Ends with holds(), or with another
  // node's record: see is_claiming().
  void claim(Epoch epoch);
  void give_up_claim() { claim_.reset(); }
  // By hand: take the lease as soon as nobody holds it, eligible or not.
  void take(const std::string& reason);
  void give_up_taking() { wants_to_take_.clear(); }
  // To that run of that node. The application is fenced, and all of it is in the log.
  void hand_over(const std::string& node, std::uint64_t process, Seq position);
  // It goes on leading, once a renewal shows that the handing over did not happen.
  void give_up_handing_over();

  // The store is to be looked at with the next tick.
  void look(std::int64_t now_us) { observe_at_us_ = std::min(observe_at_us_, now_us); }

  // --- actions ---

  [[nodiscard]] std::vector<lease::Action> take_actions() { return std::exchange(actions_, {}); }

  // --- answers, as of the last event ---

  [[nodiscard]] Standing standing() const { return standing_; }
  [[nodiscard]] bool holds() const {
    return standing_ == Standing::holding || standing_ == Standing::handing;
  }
  // The application may be let write now.
  [[nodiscard]] bool may_write(std::int64_t now_us) const;
  [[nodiscard]] bool is_claiming() const { return claim_.has_value(); }
  [[nodiscard]] bool has_view() const { return view_sent_us_ != 0; }
  [[nodiscard]] const LeaseView& view() const { return view_; }
  [[nodiscard]] const std::optional<Versioned<LeaderRecord>>& leader() const { return leader_; }
  // Since the record was last seen to change; of a record of this node: since it was renewed.
  [[nodiscard]] std::int64_t leader_age_us(std::int64_t now_us) const;
  [[nodiscard]] std::int64_t member_age_us(const std::string& node, std::int64_t now_us) const;
  // The store has not answered since then; nullopt: it does answer.
  [[nodiscard]] std::optional<std::int64_t> unreachable_since_us() const { return unreachable_us_; }
  [[nodiscard]] bool is_on_promises() const { return is_on_promises_; }
  [[nodiscard]] std::int64_t deadline_us() const { return deadline_us_; }
  // Nobody holds the lease, as far as this node knows.
  [[nodiscard]] bool is_vacant(std::int64_t now_us) const;
  [[nodiscard]] std::string refusal() const;
  [[nodiscard]] Epoch held_epoch() const { return holds() ? mine_.epoch : 0; }
  // What an operator should know; empty: all is well.
  [[nodiscard]] std::vector<std::string> warnings(std::int64_t now_us) const;
  // What speaks against take(), and whether force overrides it; empty: nothing.
  struct Objection {
    std::string text;
    bool can_be_forced = true;
  };
  [[nodiscard]] std::vector<Objection> object_to_taking(std::int64_t now_us) const;

 private:
  struct Seen {
    std::int64_t revision = 0;
    std::int64_t at_us = 0;
    bool lives = false;  // it was written since this run began
  };
  enum class Purpose { claim, acquire, renew, hand_over, release };
  struct Pending {
    Purpose purpose = Purpose::renew;
    LeaderRecord record;
    std::int64_t expected = 0;
    std::int64_t sent_us = 0;
  };
  struct Round {
    std::uint64_t number = 0;
    std::int64_t asked_us = 0;
    std::set<std::string> waiting;
    bool is_refused = false;
  };

  // lease_keeper.cpp
  void note_view(const LeaseView& view, std::int64_t sent_us, std::int64_t now_us);
  void note_leader(const std::optional<Versioned<LeaderRecord>>& leader, std::int64_t now_us);
  void send(Purpose purpose, LeaderRecord record, std::int64_t now_us);
  void publish_when_due(std::int64_t now_us);
  void observe_when_due(std::int64_t now_us);
  [[nodiscard]] MemberRecord self(std::int64_t now_us) const;
  void prove_copy();
  [[nodiscard]] bool is_suspicious(std::int64_t now_us) const;
  void say(bool is_warning, std::string event, std::string text);
  void say_once(std::string event, std::string text);

  // lease_keeper_observe.cpp
  void tick_observing(std::int64_t now_us);
  void stand_down_again(std::int64_t now_us);
  void begin_tenure(LeaderRecord& record, Epoch epoch, std::int64_t now_us) const;
  void try_claim(std::int64_t now_us);
  void try_take(std::int64_t now_us);
  void tick_automatics(std::int64_t now_us);
  [[nodiscard]] bool is_own(const LeaderRecord& record) const;
  [[nodiscard]] bool is_offered_here() const;
  [[nodiscard]] std::int64_t vacant_since_us() const;
  [[nodiscard]] std::int64_t free_since_us() const;
  [[nodiscard]] std::size_t rank(std::int64_t now_us) const;
  void acquire(const std::string& reason, std::int64_t now_us);
  void on_acquired(const Pending& pending, std::int64_t now_us);

  // lease_keeper_hold.cpp
  void tick_holding(std::int64_t now_us);
  void renew_when_due(std::int64_t now_us);
  [[nodiscard]] LeaderRecord next_record(std::int64_t now_us) const;
  [[nodiscard]] std::vector<std::string> listed(std::int64_t now_us) const;
  [[nodiscard]] bool is_to_list(const std::string& node, std::int64_t now_us) const;
  void ask_to_stay_when_due(std::int64_t now_us);
  void heed_deadline(std::int64_t now_us);
  void on_renewed(const Pending& pending, std::int64_t now_us);
  void hand_over_when_due(std::int64_t now_us);
  void resolve_holding(std::int64_t now_us);
  [[nodiscard]] bool is_mine(const LeaderRecord& record) const;
  void extend(std::int64_t deadline_us, std::int64_t now_us);
  void give_back_when_unused(std::int64_t now_us);
  void lose(const std::string& why, std::int64_t now_us);

  const LeaseRules rules_;
  LeaseFacts facts_;
  Standing standing_ = Standing::observing;
  std::vector<lease::Action> actions_;

  // What was seen.
  LeaseView view_;
  std::int64_t view_sent_us_ = 0;  // 0: never
  std::int64_t known_revision_ = 0;
  std::int64_t answered_us_ = 0;  // the last swap
  std::optional<Versioned<LeaderRecord>> leader_;
  std::int64_t leader_seen_us_ = 0;
  std::int64_t first_revision_ = 0;   // of the leader's record, when this run saw one first
  std::int64_t absent_since_us_ = 0;  // no record at all, since then; 0: there is one, or unknown
  std::map<std::string, Seen> members_seen_;
  std::optional<std::int64_t> unreachable_us_;
  int changes_since_copied_ = 0;  // of the leader's record; below 0: not counted

  // What is under way.
  std::optional<Pending> pending_;
  // An acquisition on this revision may have happened, or may happen yet.
  std::optional<std::int64_t> loose_acquisition_;
  bool is_observing_ = false;
  std::int64_t observe_at_us_ = 0;
  std::optional<MemberRecord> published_;
  std::int64_t published_us_ = 0;
  std::uint64_t beats_ = 0;

  // Of an observer.
  std::optional<Epoch> claim_;
  std::string wants_to_take_;  // by hand: the reason; empty: not
  std::int64_t promised_until_us_ = 0;
  std::int64_t stand_back_until_us_ = 0;
  std::int64_t told_to_stand_down_us_ = 0;
  std::string last_said_;
  std::string reason_;  // of the acquisition under way

  // Of a holder.
  LeaderRecord mine_;            // as it was last asked to stand there
  std::int64_t renewed_us_ = 0;  // when the last renewal that succeeded was sent
  std::int64_t attempted_us_ = 0;
  std::int64_t deadline_us_ = 0;
  bool is_pause_recorded_ = false;
  bool leads_or_will_ = false;
  bool must_renew_ = false;  // a handing over may happen yet, until the record moves on
  bool said_alarm_ = false;
  bool wants_fence_ = false;
  bool is_fenced_ = false;
  bool is_on_promises_ = false;
  std::set<std::string> ever_listed_;  // by a record that stands there, or that may
  std::optional<Round> round_;
  std::uint64_t rounds_ = 0;
  struct Heir {
    std::string node;
    std::uint64_t process = 0;
    Seq position = 0;
  };
  std::optional<Heir> heir_;  // hand_over()
  Seq offered_seq_ = 0;       // what the one that offered the lease had; 0: it was not offered
  std::string failure_;       // release is to be sent
};

}  // namespace understudy
