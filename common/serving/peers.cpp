#include "common/serving/peers.h"

#include <algorithm>

namespace understudy {

void LagClock::note(Seq seq, std::int64_t now_us) {
  if (!samples_.empty() && seq <= samples_.back().seq) {
    if (seq < samples_.back().seq) samples_.clear();  // the log began anew
    if (!samples_.empty()) return;
  }
  if (samples_.size() == kSamples) {
    for (std::size_t i = 1; 2 * i < kSamples; ++i) samples_[i] = samples_[2 * i];
    samples_.resize(kSamples / 2);
  }
  samples_.push_back({seq, now_us});
}

double LagClock::lag_seconds(Seq applied, std::int64_t now_us) const {
  const auto later = std::find_if(samples_.begin(), samples_.end(),
                                  [&](const Sample& sample) { return sample.seq > applied; });
  if (later == samples_.end()) return 0;
  return static_cast<double>(now_us - later->time_us) / 1e6;
}

PeerSession* Peers::find(const Bytes& identity) {
  const auto found = sessions_.find(identity);
  return found == sessions_.end() ? nullptr : &found->second;
}

PeerSession* Peers::add(const Bytes& identity, std::int64_t now_us) {
  if (sessions_.size() >= kPeerLimit) return nullptr;
  return &sessions_.try_emplace(identity, log_, reader_, now_us).first->second;
}

void Peers::remove(const Bytes& identity) {
  const auto found = sessions_.find(identity);
  if (found == sessions_.end()) return;
  remember(found->second);
  sessions_.erase(found);
}

void Peers::remove_all() {
  for (const auto& [identity, session] : sessions_) remember(session);
  sessions_.clear();
}

void Peers::remove_expired(std::int64_t now_us) {
  std::erase_if(sessions_, [&](const auto& entry) {
    const bool expired = entry.second.is_expired(now_us);
    if (expired) remember(entry.second);
    return expired;
  });
}

void Peers::remember(const PeerSession& session) {
  const auto& progress = session.progress();
  if (progress.name.empty()) return;
  // Nodes that look for the primary visit each other, and themselves: who never acknowledged
  // anything was no standby.
  if (progress.received == 0 && progress.durable == 0 && progress.applied == 0) return;
  if (gone_.size() >= kGoneLimit && !gone_.contains(progress.name)) {
    gone_.erase(std::min_element(gone_.begin(), gone_.end(), [](const auto& a, const auto& b) {
      return a.second.last_heard_us < b.second.last_heard_us;
    }));
  }
  auto& slot = gone_[progress.name];
  if (slot.last_heard_us <= progress.last_heard_us) slot = progress;
}

std::vector<Seq> Peers::seqs_at(PeerLevel level, std::int64_t heard_since_us) const {
  std::vector<Seq> seqs;
  for (const auto& [name, seq] : named_seqs_at(level, heard_since_us)) seqs.push_back(seq);
  return seqs;
}

std::vector<std::pair<std::string, Seq>> Peers::named_seqs_at(PeerLevel level,
                                                              std::int64_t heard_since_us) const {
  std::map<std::string_view, const PeerSession::Progress*> latest;
  for (const auto& [identity, session] : sessions_) {
    const auto& progress = session.progress();
    if (!session.has_said_hello() || progress.last_heard_us < heard_since_us) continue;
    auto& slot = latest[progress.name];
    if (slot == nullptr || slot->last_heard_us <= progress.last_heard_us) slot = &progress;
  }
  std::vector<std::pair<std::string, Seq>> seqs;
  seqs.reserve(latest.size());
  for (const auto& [name, progress] : latest) {
    seqs.emplace_back(name, level == PeerLevel::received  ? progress->received
                            : level == PeerLevel::durable ? progress->durable
                                                          : progress->applied);
  }
  return seqs;
}

std::vector<PeerStatus> Peers::statuses(const LagClock& lag, const LogBytes& bytes,
                                        std::int64_t now_us) const {
  std::map<std::string, std::pair<const PeerSession::Progress*, bool>> latest;
  for (const auto& [name, progress] : gone_) latest[name] = {&progress, false};
  for (const auto& [identity, session] : sessions_) {
    const auto& progress = session.progress();
    if (progress.name.empty()) continue;  // has not said Hello
    auto& slot = latest[progress.name];
    const bool newer =
        !slot.first || !slot.second || slot.first->last_heard_us <= progress.last_heard_us;
    if (newer) slot = {&progress, true};
  }
  std::vector<PeerStatus> list;
  for (const auto& [name, entry] : latest) {
    const auto& [progress, here] = entry;
    list.push_back({name, here ? std::string(to_string(progress->state)) : "disconnected",
                    progress->received, progress->durable, progress->applied,
                    lag.lag_seconds(progress->applied, now_us), bytes.after(progress->applied),
                    progress->last_heard_us});
  }
  return list;
}

}  // namespace understudy
