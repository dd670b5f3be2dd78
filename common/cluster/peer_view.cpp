#include "common/cluster/peer_view.h"

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

constexpr std::size_t kProbesRemembered = 16;    // of each endpoint: four seconds in a hurry
constexpr std::size_t kProcessesRemembered = 8;  // of each node

// What makes a node another one to those who wait for something; positions change all the time.
bool differ_in_role(const PeerReport& a, const PeerReport& b) {
  return a.process != b.process || a.role != b.role || a.epoch != b.epoch || a.tenure != b.tenure ||
         a.stream != b.stream || a.followed != b.followed || a.is_fenced != b.is_fenced ||
         a.takeover_id != b.takeover_id || a.declined_takeover_id != b.declined_takeover_id;
}

}  // namespace

PeerView::PeerView(PeerReport self, std::size_t endpoint_count, std::uint64_t first_probe_id,
                   std::int64_t now_us)
    : self_(std::move(self)),
      endpoints_(endpoint_count),
      next_probe_id_(first_probe_id),
      now_us_(now_us),
      probe_at_us_(now_us),
      hurry_until_us_(now_us + kHurry_us) {}

// --- events ---

void PeerView::on_self(const PeerReport& self, std::int64_t now_us) {
  now_us_ = now_us;
  const bool changed = differ_in_role(self_, self);
  const bool other_stream = self_.stream != self.stream;
  const bool was_nil = self_.stream.is_nil();
  self_ = self;
  if (!changed) return;
  if (other_stream) {
    highest_epoch_ = 0;
    for (auto& [name, peer] : peers_) {
      peer.told_foreign = false;
      note_stream(peer);
      // Without a stream all epochs were told of.
      const bool was_told = was_nil && is_of_stream(peer.report);
      if (was_told) highest_epoch_ = std::max(highest_epoch_, peer.report.epoch);
      note_epoch(peer.report);
    }
  }
  hurry();
  note_conclusions();
}

void PeerView::on_answer(std::size_t endpoint, std::uint64_t probe_id, const PeerReport& report,
                         std::int64_t now_us) {
  now_us_ = now_us;
  auto& from = endpoints_[endpoint];
  const auto sent = std::ranges::find(from.sent, probe_id, &Sent::probe_id);
  if (sent == from.sent.end()) return;
  from.answered_us = sent->time_us;
  from.sent.erase(from.sent.begin(), sent + 1);
  if (is_self(report)) {
    from.is_own = true;
    from.sent.clear();
  } else if (report.node == self_.node) {
    note_own_name(endpoint);
  } else if (take(report, from.answered_us)) {
    if (from.node != report.node) hurry();
    from.node = report.node;
  }
  note_conclusions();
}

void PeerView::on_visit(const PeerReport& report, std::int64_t now_us) {
  now_us_ = now_us;
  if (is_self(report)) return;
  if (report.node == self_.node) {
    note_own_name(std::nullopt);
  } else {
    static_cast<void>(take(report, 0));
  }
  note_conclusions();
}

void PeerView::tick(std::int64_t now_us) {
  now_us_ = now_us;
  note_silences();
  note_conclusions();
  if (now_us < probe_at_us_) return;
  for (const auto& endpoint : endpoints_) {
    // It answered lately, and not this time: worth a closer look, until it counts as silent.
    const bool overdue = !endpoint.sent.empty() && endpoint.answered_us > 0 &&
                         now_us - endpoint.answered_us < kPeerGone_us;
    if (overdue) hurry();
  }
  probe_all();
}

void PeerView::announce(std::int64_t now_us) {
  now_us_ = now_us;
  hurry();
  probe_all();
}

void PeerView::hurry() {
  hurry_until_us_ = now_us_ + kHurry_us;
  probe_at_us_ = std::min(probe_at_us_, now_us_ + kHurriedInterval_us);
}

void PeerView::probe_all() {
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    auto& endpoint = endpoints_[i];
    if (endpoint.is_own) continue;
    if (endpoint.sent.size() == kProbesRemembered) endpoint.sent.pop_front();
    endpoint.sent.push_back({next_probe_id_, now_us_});
    probes_.push_back({i, next_probe_id_++});
  }
  const bool calm = now_us_ >= hurry_until_us_ && knows_leader();
  probe_at_us_ = now_us_ + (calm ? kProbeInterval_us : kHurriedInterval_us);
}

// --- one report ---

bool PeerView::take(const PeerReport& report, std::int64_t made_after_us) {
  if (report.node.empty()) return false;
  auto* peer = place_for(report.node);
  if (!peer) return false;
  const bool is_new = peer->heard_us == 0;
  if (!is_new && !take_process(*peer, report, made_after_us)) return false;
  if (is_new) peer->process_since_us = now_us_;
  const bool is_same = !is_new && peer->report.process == report.process;
  if (is_same && made_after_us == 0 && is_late(*peer, report)) {
    peer->heard_us = now_us_;
    return true;
  }
  if (is_new || peer->is_silent) {
    events_.push_back({PeerEvent::Kind::appeared, report.node, report.epoch, {}, {}});
  }
  if (is_new || peer->is_silent || differ_in_role(peer->report, report)) hurry();
  peer->report = report;
  peer->heard_us = now_us_;
  // What a process says by itself does not undo what it has answered.
  peer->made_after_us = is_same ? std::max(peer->made_after_us, made_after_us) : made_after_us;
  peer->is_silent = false;
  note_stream(*peer);
  note_epoch(report);
  return true;
}

// It came by itself, and may have left before the answer that is known already.
bool PeerView::is_late(const PeerState& peer, const PeerReport& report) {
  if (peer.made_after_us == 0 || peer.is_silent) return false;
  const auto& known = peer.report;
  return std::pair(report.epoch, report.position.seq) < std::pair(known.epoch, known.position.seq);
}

// Is the process that reports the one that counts (from now on)?
bool PeerView::take_process(PeerState& peer, const PeerReport& report, std::int64_t made_after_us) {
  if (report.process == peer.report.process) return true;
  const bool was_replaced = std::ranges::find(peer.replaced, report.process) != peer.replaced.end();
  if (was_replaced && !peer.is_silent) {
    if (made_after_us <= peer.process_since_us) return false;  // it may be gone since
    if (now_us_ >= peer.name_clash_until_us) {
      events_.push_back({PeerEvent::Kind::name_shared, report.node, report.epoch, {}, {}});
    }
    peer.name_clash_until_us = now_us_ + kNameClashMemory_us;
    return false;
  }
  if (was_replaced) std::erase(peer.replaced, report.process);
  if (peer.replaced.size() == kProcessesRemembered) peer.replaced.pop_front();
  peer.replaced.push_back(peer.report.process);
  peer.process_since_us = now_us_;
  events_.push_back({PeerEvent::Kind::restarted, report.node, report.epoch, {}, {}});
  return true;
}

PeerView::PeerState* PeerView::place_for(const std::string& node) {
  if (const auto found = peers_.find(node); found != peers_.end()) return &found->second;
  if (peers_.size() == kKnownPeersLimit) {
    const auto oldest = std::ranges::min_element(
        peers_, {}, [](const auto& entry) { return entry.second.heard_us; });
    if (!oldest->second.is_silent) return nullptr;
    peers_.erase(oldest);
  }
  return &peers_[node];
}

void PeerView::note_own_name(std::optional<std::size_t> endpoint) {
  if (now_us_ >= own_name_clash_until_us_) {
    events_.push_back(
        {PeerEvent::Kind::name_shared, self_.node, self_.epoch, self_.node, endpoint});
  }
  own_name_clash_until_us_ = now_us_ + kNameClashMemory_us;
}

void PeerView::note_stream(PeerState& peer) {
  const bool foreign = !peer.report.stream.is_nil() && !is_of_stream(peer.report);
  if (foreign && !peer.told_foreign) {
    events_.push_back({PeerEvent::Kind::foreign_stream,
                       peer.report.node,
                       peer.report.epoch,
                       peer.report.stream.to_string(),
                       {}});
  }
  peer.told_foreign = foreign;
}

void PeerView::note_epoch(const PeerReport& report) {
  if (!is_of_stream(report) || report.epoch <= highest_epoch_) return;
  highest_epoch_ = report.epoch;
  events_.push_back({PeerEvent::Kind::epoch_rose, report.node, report.epoch, {}, {}});
}

// --- what follows from all reports ---

void PeerView::note_silences() {
  for (auto& [name, peer] : peers_) {
    if (peer.is_silent || now_us_ - peer.heard_us < kPeerGone_us) continue;
    peer.is_silent = true;
    events_.push_back({PeerEvent::Kind::silent, name, peer.report.epoch, {}, {}});
    hurry();
  }
}

void PeerView::note_conclusions() {
  const auto leader = primary();
  std::optional<Claim> claim;
  if (leader) claim = Claim{leader->report.node, leader->report.epoch, leader->report.tenure};
  if (claim && claim != primary_) {
    events_.push_back(
        {PeerEvent::Kind::primary_found, claim->node, claim->epoch, {}, leader->endpoint});
    hurry();
  } else if (!claim && primary_) {
    events_.push_back({PeerEvent::Kind::primary_lost, primary_->node, primary_->epoch, {}, {}});
    hurry();
  }
  primary_ = claim;
  const auto found = fork();
  if (found && found != fork_) {
    events_.push_back({PeerEvent::Kind::forked, found->node, found->epoch, found->other, {}});
    hurry();
  }
  fork_ = found;
}

// --- answers ---

bool PeerView::is_self(const PeerReport& report) const {
  return report.node == self_.node && report.process == self_.process;
}

bool PeerView::is_of_stream(const PeerReport& report) const {
  if (report.stream.is_nil()) return false;
  return self_.stream.is_nil() || report.stream == self_.stream;
}

bool PeerView::is_considered(const PeerState& peer) const {
  return !peer.is_silent && now_us_ >= peer.name_clash_until_us && is_of_stream(peer.report);
}

// May it lead, for all that is known? Of the highest epoch, and not of another opening of it than
// this node's log has.
bool PeerView::may_lead(const PeerReport& report) const {
  if (report.role != PeerRole::primary || report.epoch == 0) return false;
  if (report.epoch < std::max(highest_epoch_, self_.epoch)) return false;
  return self_.epoch < report.epoch || self_.tenure == 0 || self_.tenure == report.tenure;
}

bool PeerView::knows_leader() const {
  return self_.role == PeerRole::primary || primary();
}

std::optional<Peer> PeerView::primary() const {
  const PeerState* leader = nullptr;
  for (const auto& [name, peer] : peers_) {
    if (!is_considered(peer) || !may_lead(peer.report)) continue;
    if (leader) return std::nullopt;
    leader = &peer;
  }
  if (!leader) return std::nullopt;
  if (self_.role == PeerRole::primary && self_.epoch == leader->report.epoch) return std::nullopt;
  return describe(*leader);
}

std::optional<Fork> PeerView::fork() const {
  std::vector<const PeerReport*> reports;
  if (!self_.stream.is_nil()) reports.push_back(&self_);
  for (const auto& [name, peer] : peers_) {
    if (is_considered(peer)) reports.push_back(&peer.report);
  }
  Epoch highest = 0;
  for (const auto* report : reports) highest = std::max(highest, report->epoch);
  // A fork below the highest epoch is decided by it.
  std::erase_if(reports, [&](const auto* report) { return report->epoch < highest; });
  for (std::size_t i = 0; i < reports.size(); ++i) {
    for (std::size_t j = i + 1; j < reports.size(); ++j) {
      const auto &a = *reports[i], &b = *reports[j];
      const bool two_tenures = a.tenure != 0 && b.tenure != 0 && a.tenure != b.tenure;
      const bool two_leaders = a.role == PeerRole::primary && b.role == PeerRole::primary;
      if (highest > 0 && (two_tenures || two_leaders)) return Fork{highest, a.node, b.node};
    }
  }
  return std::nullopt;
}

std::vector<Peer> PeerView::peers() const {
  std::vector<Peer> list;
  for (const auto& [name, peer] : peers_) list.push_back(describe(peer));
  return list;
}

std::optional<Peer> PeerView::find(const std::string& node) const {
  const auto found = peers_.find(node);
  if (found == peers_.end()) return std::nullopt;
  return describe(found->second);
}

std::optional<std::size_t> PeerView::endpoint_of(const std::string& node) const {
  const auto found = std::ranges::find(endpoints_, node, &EndpointState::node);
  if (node.empty() || found == endpoints_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - endpoints_.begin());
}

Peer PeerView::describe(const PeerState& peer) const {
  return {.report = peer.report,
          .endpoint = endpoint_of(peer.report.node),
          .heard_us = peer.heard_us,
          .made_after_us = peer.made_after_us,
          .is_silent = peer.is_silent,
          .shares_name = now_us_ < peer.name_clash_until_us,
          .is_of_stream = is_of_stream(peer.report)};
}

}  // namespace understudy
