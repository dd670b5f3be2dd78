#include "tests/simulation/toy_node.h"

#include <fmt/format.h>

#include <utility>

namespace understudy::sim {

ToyNode::ToyNode(World world, std::size_t index, std::size_t count, NodeRole asked,
                 Sabotage sabotage, TakeoverCounts& counts)
    : world_(world),
      index_(index),
      count_(count),
      asked_(asked),
      sabotage_(sabotage),
      counts_(counts),
      name_(fmt::format("node-{}", index)),
      links_(count) {
  for (std::size_t peer = 0; peer < count; ++peer) {
    links_[peer].node = this;
    links_[peer].peer = peer;
  }
}

ToyNode::~ToyNode() = default;

std::size_t ToyNode::client_of(std::size_t peer) const {
  return count_ + index_ * count_ + peer;
}

void ToyNode::later(std::int64_t delay_us, std::function<void()> f) {
  world_.events.in(delay_us, [this, run = run_, f = std::move(f)] {
    if (run == run_) f();
  });
}

void ToyNode::say(std::string text) {
  story_.push_back(
      fmt::format("{:9.3f} {}", static_cast<double>(world_.events.now()) / 1e6, std::move(text)));
  if (story_.size() > 60) story_.pop_front();
}

// --- the process ---

void ToyNode::start() {
  ++run_;
  is_up_ = true;
  process_ = world_.chance.bits();
  if (disk_.log) disk_.log->drop_open_tail();
  for (std::size_t peer = 0; peer < count_; ++peer) {
    world_.network.set_client(client_of(peer), &links_[peer]);
    world_.network.connect(client_of(peer), peer);
  }
  view_.emplace(report(), count_, world_.chance.bits(), world_.events.now());
  every_probe();
  later(world_.chance.between(200'000, 900'000), [this] { decide(); });
}

void ToyNode::crash() {
  if (!is_up_) return;
  ++counts_.crashes;
  ++run_;
  say("dies");
  if (primary_) primary_->lose_pending();
  primary_.reset();
  if (standby_) {
    standby_->crash();
    counts_.rewinds += standby_->counts.rewinds;
    counts_.resyncs += standby_->counts.resyncs;
  }
  standby_.reset();
  switchover_.reset();
  view_.reset();
  is_up_ = is_fenced_ = is_standing_down_ = reacts_ = false;
  takeover_id_ = declined_id_ = 0;
  for (std::size_t peer = 0; peer < count_; ++peer) {
    world_.network.set_client(client_of(peer), nullptr);
  }
  if (disk_.log) disk_.log->drop_open_tail();
  check();
}

// Nothing keeps it from writing where no process holds the lock.
void ToyNode::application_writes() {
  if (!is_up_ && has_cursor_ && world_.chance.in_thousand(100)) mutate(database_, world_.chance);
  if (!is_writable()) return;
  if (disk_.log->history().back().node != name_) {
    throw Broken(fmt::format("{} writes in an epoch that it did not open", name_));
  }
  ++counts_.commits;
  primary_->commit();
}

void ToyNode::flush() {
  if (!primary_) return;
  primary_->flush();
  check();
}

void ToyNode::trim(std::size_t batches) {
  if (standby_) return standby_->trim(batches);
  if (primary_) disk_.log->trim(batches, last().seq);
}

// --- the others ---

PeerReport ToyNode::report() const {
  PeerReport report;
  report.node = name_;
  report.process = process_;
  report.role = primary_ ? PeerRole::primary : standby_ ? PeerRole::standby : PeerRole::none;
  if (disk_.log) {
    report.stream = disk_.log->stream();
    report.epoch = epoch();
    report.tenure = tenure();
    report.position = last();
  }
  if (disk_.replica.shown_at()) report.applied = disk_.replica.shown_at()->seq;
  report.is_fenced = is_fenced_;
  report.takeover_id = takeover_id_;
  report.declined_takeover_id = declined_id_;
  return report;
}

ToyServer::Cluster ToyNode::cluster_hooks() {
  return {[this](const PeerReport& peer) {
            if (view_) view_->on_visit(peer, world_.events.now());
            react_soon();
            return report();
          },
          [this](const message::Command& command) {
            later(0, [this, command] { on_command(command); });
          }};
}

void ToyNode::every_probe() {
  view_->on_self(report(), world_.events.now());
  view_->tick(world_.events.now());
  for (const auto& due : view_->take_probes()) {
    world_.network.request(client_of(due.endpoint),
                           encode_message(message::Probe{due.probe_id, report()}));
  }
  react_soon();
  later(50'000, [this] { every_probe(); });
}

void ToyNode::Link::on_answer(const Bytes& payload) {
  const auto message = decode_message(payload);
  if (!message) throw Broken("a server sent bytes that are no message");
  const auto* reply = std::get_if<message::ProbeReply>(&*message);
  if (!reply || !node->view_) return;
  node->view_->on_answer(peer, reply->probe_id, reply->report, node->world_.events.now());
  node->react_soon();
}

void ToyNode::react_soon() {
  if (std::exchange(reacts_, true)) return;
  later(world_.chance.between(0, 2'000), [this] {
    reacts_ = false;
    react();
  });
}

void ToyNode::react() {
  for (const auto& event : view_->take_events()) {
    counts_.forks += event.kind == PeerEvent::Kind::forked ? 1 : 0;
  }
  if (primary_) {
    if (switchover_) drive_switchover();
    if (primary_ && view_->highest_epoch() > epoch()) stand_down();
    return;
  }
  const auto leader = view_->primary();
  if (!standby_ || !standby_->follower() || !leader || !leader->endpoint) return;
  if (standby_->follower()->endpoint() != *leader->endpoint) standby_->prefer(*leader->endpoint);
}

// --- what is promised ---

Position ToyNode::last() const {
  return disk_.log ? disk_.log->bounds().last : Position{};
}

Epoch ToyNode::epoch() const {
  return disk_.log ? disk_.log->history().back().epoch : 0;
}

Tenure ToyNode::tenure() const {
  return disk_.log ? disk_.log->history().back().tenure : 0;
}

bool ToyNode::is_standby_at(const Position& position) const {
  return standby_ && standby_->is_at(position);
}

void ToyNode::note_had() {
  const auto& log = *disk_.log;
  for (const auto& start : log.history()) {
    const Seq end = end_of(start.tenure, log.history(), log.bounds().last.seq);
    if (end < log.bounds().base.seq) continue;
    auto& had = had_[start.tenure];
    had = std::max(had, end);
  }
}

void ToyNode::check() {
  if (!disk_.log) return;
  const auto& log = *disk_.log;
  const auto& history = log.history();
  const auto at = log.bounds().last;
  if (!world_.lineage.is_path(history)) {
    throw Broken(fmt::format("{} has a history that never was", name_));
  }
  if (!world_.lineage.knows(tenure_at(history, at.seq), at)) {
    throw Broken(
        fmt::format("the log of {} ends at {}, which its tenure never was", name_, at.to_string()));
  }
  note_had();
  for (const auto& [tenure, seq] : had_) {
    Seq covered = end_of(tenure, history, at.seq);
    for (const auto& kept : disk_.orphans) {
      covered = std::max(covered, end_of(tenure, kept.history, kept.last.seq));
    }
    if (covered >= seq) continue;
    throw Broken(
        fmt::format("{} had record {} of tenure {} on disk, and has it neither in its log "
                    "nor as an orphan",
                    name_, seq, hex(tenure)));
  }
  const auto& shown = disk_.replica.shown_at();
  if (primary_ || has_cursor_ || !shown) return;
  const bool is_known = log.position_at(shown->seq) == shown
                            ? world_.lineage.knows(tenure_at(history, shown->seq), *shown)
                            : world_.lineage.knows_anywhere(*shown);
  if (!is_known || disk_.replica.shown().sum() != shown->sum) {
    throw Broken(fmt::format("{} shows {}, which nobody ever was", name_, shown->to_string()));
  }
}

std::string ToyNode::describe() const {
  auto text =
      fmt::format("{}: {}{}{}, epoch {} ({}), log {}..{}, {} orphan files, demoted from {}", name_,
                  !is_up_    ? "down"
                  : primary_ ? "primary"
                  : standby_ ? "standby"
                             : "between roles",
                  is_fenced_ ? ", fenced" : "", switchover_ ? ", switching over" : "", epoch(),
                  hex(tenure()), disk_.log ? disk_.log->bounds().base.to_string() : "-",
                  last().to_string(), disk_.orphans.size(), demoted_from_);
  for (const auto& line : story_) text += "\n    " + line;
  if (standby_) text += "\n  " + standby_->describe();
  return text;
}

}  // namespace understudy::sim
