// PeerView: what this node knows of the others of its cluster, made of their reports, and when to
// ask again.
//
// Invariants
//  - Only reports of this node's stream count; others are told of as an event, and nothing else.
//    (A node without a stream has none to compare, and takes every report that names one.)
//  - highest_epoch() never falls: what was opened once was opened, whoever is silent now.
//  - primary() is of that epoch and of no other tenure than this node's own in it; where two claim
//    the same, it is nobody.
//  - A process that was seen to be replaced does not come back: a late report of it is passed over,
//    and one that it provably gave afterwards is a second node of that name.
//  - Bounded: kKnownPeersLimit nodes, whoever reports.
//
// Pure: events in, probes, events and answers out; time is what the caller says (monotonic). Not
// thread-safe.
#pragma once

#include "common/cluster/peer_event.h"
#include "common/transport/message.h"

#include <deque>
#include <map>
#include <utility>

namespace understudy {

constexpr std::int64_t kProbeInterval_us = 1'000'000;     // all is well
constexpr std::int64_t kHurriedInterval_us = 250'000;     // no primary is known, or …
constexpr std::int64_t kHurry_us = 3'000'000;             // … something changed within this time
constexpr std::int64_t kPeerGone_us = 3'500'000;          // a peer that was not heard for so long
constexpr std::int64_t kNameClashMemory_us = 10'000'000;  // a shared name is distrusted for so long
constexpr std::size_t kKnownPeersLimit = 64;

// A node as it last said of itself.
struct Peer {
  PeerReport report;
  // Where it answers, as an index into the list of endpoints; nullopt: it only came to us so far.
  std::optional<std::size_t> endpoint;
  std::int64_t heard_us = 0;
  // The process has answered a probe that left at this time, and the report is no older than that
  // answer, as far as epoch and position tell. 0: it only came by itself, and what it said may have
  // been under way for any time.
  std::int64_t made_after_us = 0;
  bool is_silent = false;     // nothing heard for kPeerGone_us
  bool shares_name = false;   // two processes that live use this name
  bool is_of_stream = false;  // of this node's; not: listed, but never considered
};

// Two nodes that contradict each other about one epoch.
struct Fork {
  Epoch epoch = 0;
  std::string node;
  std::string other;
  bool operator==(const Fork&) const = default;
};

class PeerView {
 public:
  // `self` as far as it is known. Probe ids count on from `first_probe_id`: let it be random, so
  // that no answer to an earlier process fits.
  PeerView(PeerReport self, std::size_t endpoint_count, std::uint64_t first_probe_id,
           std::int64_t now_us);

  // --- events ---

  // What this node says of itself now.
  void on_self(const PeerReport& self, std::int64_t now_us);
  // An answer from that endpoint. One to a probe that it was not sent (lately) is passed over.
  void on_answer(std::size_t endpoint, std::uint64_t probe_id, const PeerReport& report,
                 std::int64_t now_us);
  // A node came and told of itself (by its own probe).
  void on_visit(const PeerReport& report, std::int64_t now_us);
  void tick(std::int64_t now_us);
  // Everybody is to be probed at once, with the next take_probes().
  void announce(std::int64_t now_us);

  // --- actions ---

  struct ProbeDue {
    std::size_t endpoint = 0;
    std::uint64_t probe_id = 0;
  };
  [[nodiscard]] std::vector<ProbeDue> take_probes() { return std::exchange(probes_, {}); }
  [[nodiscard]] std::vector<PeerEvent> take_events() { return std::exchange(events_, {}); }
  [[nodiscard]] bool has_events() const { return !events_.empty(); }
  [[nodiscard]] std::int64_t next_tick_us() const { return probe_at_us_; }

  // --- answers, as of the last event ---

  [[nodiscard]] std::optional<Peer> primary() const;
  [[nodiscard]] Epoch highest_epoch() const { return highest_epoch_; }  // of the others; 0: none
  [[nodiscard]] std::optional<Fork> fork() const;
  [[nodiscard]] std::vector<Peer> peers() const;  // by name
  [[nodiscard]] std::optional<Peer> find(const std::string& node) const;
  [[nodiscard]] std::optional<std::size_t> endpoint_of(const std::string& node) const;
  // Leads to this node itself: it is left alone.
  [[nodiscard]] bool is_own(std::size_t endpoint) const { return endpoints_[endpoint].is_own; }
  // When the latest probe left that this endpoint has answered; 0: none.
  [[nodiscard]] std::int64_t answered_us(std::size_t endpoint) const {
    return endpoints_[endpoint].answered_us;
  }
  // Who answered there last; empty: nobody yet.
  [[nodiscard]] const std::string& last_node(std::size_t endpoint) const {
    return endpoints_[endpoint].node;
  }

 private:
  struct Sent {
    std::uint64_t probe_id = 0;
    std::int64_t time_us = 0;
  };
  struct EndpointState {
    std::deque<Sent> sent;  // not answered yet; the newest few
    std::int64_t answered_us = 0;
    std::string node;  // who answered last; empty: nobody yet
    bool is_own = false;
  };
  struct PeerState {
    PeerReport report;
    std::int64_t heard_us = 0;
    std::int64_t made_after_us = 0;
    std::int64_t process_since_us = 0;   // when its process was first heard
    std::deque<std::uint64_t> replaced;  // processes before it, the newest few
    std::int64_t name_clash_until_us = 0;
    bool is_silent = false;
    bool told_foreign = false;
  };
  struct Claim {
    std::string node;
    Epoch epoch = 0;
    std::uint64_t tenure = 0;
    bool operator==(const Claim&) const = default;
  };
  [[nodiscard]] bool take(const PeerReport& report, std::int64_t made_after_us);
  [[nodiscard]] bool take_process(PeerState& peer, const PeerReport& report,
                                  std::int64_t made_after_us);
  [[nodiscard]] static bool is_late(const PeerState& peer, const PeerReport& report);
  [[nodiscard]] PeerState* place_for(const std::string& node);
  void note_own_name(std::optional<std::size_t> endpoint);
  void note_stream(PeerState& peer);
  void note_epoch(const PeerReport& report);
  void note_silences();
  void note_conclusions();
  void hurry();
  void probe_all();

  [[nodiscard]] bool is_self(const PeerReport& report) const;
  [[nodiscard]] bool is_of_stream(const PeerReport& report) const;
  [[nodiscard]] bool is_considered(const PeerState& peer) const;
  [[nodiscard]] bool may_lead(const PeerReport& report) const;
  [[nodiscard]] bool knows_leader() const;
  [[nodiscard]] Peer describe(const PeerState& peer) const;

  PeerReport self_;
  std::vector<EndpointState> endpoints_;
  std::map<std::string, PeerState> peers_;
  Epoch highest_epoch_ = 0;
  std::optional<Claim> primary_;  // as last told
  std::optional<Fork> fork_;      // as last told
  std::uint64_t next_probe_id_;
  std::int64_t now_us_;
  std::int64_t probe_at_us_;
  std::int64_t hurry_until_us_;
  std::int64_t own_name_clash_until_us_ = 0;
  std::vector<ProbeDue> probes_;
  std::vector<PeerEvent> events_;
};

}  // namespace understudy
