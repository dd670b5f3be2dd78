// Peers: the sessions of all standbys of one server, by the identity of their connection, and what
// is told about them. Bounded: kPeerLimit sessions, kGoneLimit names that are gone.
// One thread (serve).
#pragma once

#include "common/backend/log_bytes.h"
#include "common/serving/peer_session.h"

#include <map>

namespace understudy {

constexpr std::size_t kPeerLimit = 64;
constexpr std::size_t kGoneLimit = 64;

// How far a standby must be with a record for it to count.
enum class PeerLevel : std::uint8_t { received, durable, applied };

// A standby as operators see it.
struct PeerStatus {
  std::string name;
  // A StandbyState in words, or "disconnected": was here and is silent now.
  std::string state;
  Seq received_seq = 0;
  Seq durable_seq = 0;
  Seq applied_seq = 0;
  // 0 when it has applied the last record; else the age of the oldest one that it has not.
  double lag_seconds = 0;
  std::uint64_t lag_bytes = 0;     // of the records that it has not applied
  std::int64_t last_heard_us = 0;  // monotonic
};

// Remembers when the log reached which seq: how old is the first record that somebody lacks?
class LagClock {
 public:
  void note(Seq seq, std::int64_t now_us);
  // Seconds since the log went beyond `applied`; 0 when it has not.
  [[nodiscard]] double lag_seconds(Seq applied, std::int64_t now_us) const;

 private:
  struct Sample {
    Seq seq = 0;
    std::int64_t time_us = 0;
  };
  // At most kSamples; when full every second one is forgotten, so that the answer stays right to
  // within a factor of about two of the sampling distance, however far back it reaches.
  static constexpr std::size_t kSamples = 256;
  std::vector<Sample> samples_;
};

class Peers {
 public:
  Peers(const ServedLog& log, LogReader& reader) : log_(log), reader_(reader) {}

  // A session for a new connection; nullptr: there is no room for more.
  PeerSession* add(const Bytes& identity, std::int64_t now_us);
  [[nodiscard]] PeerSession* find(const Bytes& identity);
  void remove(const Bytes& identity);  // its status is kept, as disconnected
  void remove_all();                   // likewise
  void remove_expired(std::int64_t now_us);

  // f(identity, session) for each.
  template <typename F>
  void for_each(F&& f) {
    for (auto& [identity, session] : sessions_) f(identity, session);
  }
  [[nodiscard]] bool empty() const { return sessions_.empty(); }
  // How far the standbys are that follow us and were heard since: their seqs at this level, one a
  // name, in no order. Of several connections with one name the one that was heard last counts.
  [[nodiscard]] std::vector<Seq> seqs_at(PeerLevel level, std::int64_t heard_since_us) const;
  // The same, with their names; in their order.
  [[nodiscard]] std::vector<std::pair<std::string, Seq>> named_seqs_at(
      PeerLevel level, std::int64_t heard_since_us) const;
  // One a name: of several connections with one name, the one that was heard last.
  [[nodiscard]] std::vector<PeerStatus> statuses(const LagClock& lag, const LogBytes& bytes,
                                                 std::int64_t now_us) const;

 private:
  void remember(const PeerSession& session);

  const ServedLog& log_;
  LogReader& reader_;
  std::map<Bytes, PeerSession> sessions_;
  std::map<std::string, PeerSession::Progress> gone_;
};

}  // namespace understudy
