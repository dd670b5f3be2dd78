// The lease: what the node does for it, and what commands ask of it. lease/lease_keeper.h decides.
#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/core/thread_subject.h"
#include "common/logging/log.h"
#include "lease/etcd_store.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kStoreAnswer{5000};
constexpr std::chrono::milliseconds kHandOverLimit{3000};
constexpr std::chrono::seconds kRoleChangeLimit{60};
constexpr std::chrono::milliseconds kPromiseLimit{800};
constexpr std::chrono::milliseconds kLongestTry{1000};
constexpr std::chrono::milliseconds kShortestTry{300};

LeaseRules rules_of(const LeaseOptions& options, const NodeTags& tags, const std::string& node,
                    std::uint64_t process) {
  LeaseRules rules;
  rules.node = node;
  rules.process = process;
  rules.ttl_us = options.ttl_us;
  rules.nofailover = tags.nofailover;
  rules.noloadbalance = tags.noloadbalance;
  rules.priority = tags.priority;
  rules.max_lag = options.max_lag;
  return rules;
}

}  // namespace

void Supervisor::begin_lease(std::function<void(std::exception_ptr)> failed) {
  if (!options_.lease) return;
  auto etcd = options_.lease->etcd;
  // An endpoint that hangs must leave time for the others within a third of the ttl.
  etcd.limit = std::clamp(std::chrono::milliseconds(options_.lease->ttl_us / 10'000), kShortestTry,
                          kLongestTry);
  lease_ =
      std::make_unique<LeaseAgent>(rules_of(*options_.lease, options_.tags, node_.name(), process_),
                                   std::make_unique<EtcdStore>(std::move(etcd)),
                                   static_cast<LeaseBearer&>(*this), std::move(failed));
  lease_->start();
}

// --- at a start (main thread) ---

// A node without any state must not begin a stream before it is known that there is none.
std::optional<StartFacts::Lease> Supervisor::ask_lease_store(const StartFacts& facts) {
  if (!lease_) return std::nullopt;
  const bool may_begin = facts.history.empty() && facts.asked == NodeRole::primary;
  auto view = lease_->await_view(options_.peer_patience);
  while (!view && may_begin && !node_.is_stopping()) {
    log::warning("lease_store_silent",
                 "the lease store does not answer; a database that was never published waits for "
                 "its word",
                 {{"error", lease_->status().trouble}});
    view = lease_->await_view(options_.peer_patience);
  }
  StartFacts::Lease lease{.answers = view.has_value()};
  if (!view || !view->leader) return lease;
  const auto& record = view->leader->value;
  const auto own = node_.identity().stream;
  if (!record.stream.is_nil() && !own.is_nil() && record.stream != own) {
    throw ConfigError(fmt::format(
        "the lease at {} belongs to stream {}, and this database to {}: give each its own "
        "--lease-prefix",
        options_.lease->etcd.prefix, record.stream.to_string(), own.to_string()));
  }
  lease.holder = record.node;
  lease.epoch = record.epoch;
  lease.has_led = record.led_epoch != 0;
  return lease;
}

// True: this node may lead, as its log says.
bool Supervisor::claim_lease(const StartFacts& facts) {
  if (!lease_) return true;
  const Epoch own = facts.history.empty() ? 1 : facts.history.back().epoch;
  auto patience = options_.peer_patience;
  // Without a record it is waited for a ttl whether another node puts its own back.
  const bool is_first = facts.lease && facts.lease->holder.empty();
  if (is_first) patience += 2 * std::chrono::milliseconds(lease_->rules().ttl_us / 1000);
  return lease_->claim(own, patience);
}

// Whose confirmations count in this tenure.
void Supervisor::begin_sync_set() {
  const auto count = options_.publish.sync.count;
  if (!lease_ || count == 0) return;
  const auto leader = lease_->status().leader;
  auto set = std::make_shared<SyncSet>(node_.name(), count,
                                       leader ? leader->sync : std::optional<SyncRecord>{});
  options_.publish.sync_set = set;
  const std::lock_guard lock(mutex_);
  sync_set_ = std::move(set);
}

// --- LeaseBearer (lease thread) ---

LeaseFacts Supervisor::lease_facts() {
  copies_seen_ = copies_;
  const auto status = node_.status();
  const bool is_stale = is_history_stale(status);
  if (is_stale && !is_learning_.exchange(true)) {
    conductor_->post([this] {
      learn_history();
      is_learning_ = false;
    });
  }
  const auto self = describe_self(status);
  const auto identity = node_.identity();
  LeaseFacts facts;
  facts.state = status.state;
  facts.has_state = status.position != Position{};
  facts.listens = options_.follow.listen.has_value();
  if (facts.listens) facts.endpoint = options_.follow.listen->to_string();
  facts.epoch = std::max(self.epoch, self.position.epoch);
  facts.highest_epoch = std::max(facts.epoch, links_ ? links_->highest_epoch() : 0);
  facts.durable_epoch = self.position.epoch;
  facts.durable = self.position.seq;
  facts.applied = self.applied;
  facts.is_copied = identity.copied;
  facts.stream = self.stream;
  const std::lock_guard lock(mutex_);
  if (role_ == PeerRole::primary) facts.role = NodeRole::primary;
  if (role_ == PeerRole::standby && !is_promoting_) facts.role = NodeRole::standby;
  if (!is_stale && !history_.empty()) {
    const auto& last = history_.back();
    if (last.node == node_.name()) facts.led_epoch = facts.epoch;
    facts.epoch_first = last.first_seq;
    facts.epoch_before = history_.size() > 1 ? std::prev(history_.end(), 2)->epoch : 0;
  }
  if (sync_set_ && facts.role == NodeRole::primary) {
    facts.sync = sync_set_->wish();
  }
  return facts;
}

void Supervisor::ask_to_stay(const std::vector<std::string>& nodes,
                             const lease::StayRequest& request,
                             std::function<void(const std::string&, bool)> answered) {
  if (!links_) return;
  for (const auto& node : nodes) {
    const auto endpoint = links_->endpoint_of(node);
    if (!endpoint) continue;  // it counts as one that does not answer
    message::Command command;
    command.kind = CommandKind::stay;
    command.to = request.node;
    command.takeover_id = request.process;
    command.position = {request.epoch, static_cast<Seq>(request.ttl_us / 1000), 0};
    links_->send_command(*endpoint, std::move(command), kPromiseLimit,
                         [answered, node](const CommandOutcome& outcome) {
                           if (outcome.kind != CommandOutcome::Kind::answered) return;
                           // Who answers there now may be another node than the one that did.
                           const bool is_it = outcome.reply.text == node;
                           if (is_it) answered(node, outcome.reply.ok);
                         });
  }
}

// Of the holder, to this node (serve thread).
void Supervisor::promise_to_stay(const message::Command& command, const Reply& reply) {
  const lease::StayRequest request{command.to, command.takeover_id, command.position.epoch,
                                   static_cast<std::int64_t>(command.position.seq) * 1000};
  const bool agrees = lease_ != nullptr && lease_->on_stay_request(request);
  reply({.command_id = 0, .ok = agrees, .text = node_.name()});
}

bool Supervisor::try_lease_fence() {
  bool may_open = false;
  {
    const std::lock_guard lock(mutex_);
    if (role_ == PeerRole::standby) return true;  // its own lock keeps everybody out
    may_open = role_ == PeerRole::primary;
  }
  if (is_left_out("lease_fence")) return true;
  // Who has the mutex may be about to drop it, or to take the same lock: asked again.
  const std::unique_lock lock(fence_mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  if (fence_ && !fence_->is_held() && fence_->has_moved()) fence_.reset();
  if (!fence_ && !may_open) return false;  // between two roles it is in other hands
  if (!fence_) fence_.emplace(node_.database());
  is_fenced_ = fence_->try_take();
  return is_fenced_;
}

void Supervisor::drop_lease_fence() {
  conductor_->post([this] { drop_unwanted_fence(); });
}

// Neither waits for the other: a log may be as stuck as what led to this.
void Supervisor::lease_alarm() {
  const auto command = options_.lease->kill_command;
  alarms_.push_back(start_thread([command] {
    log::error("lease_fence_late",
               "the application holds a transaction open and cannot be fenced; the lease ends, and "
               "another node may lead: stop the application",
               {{"kill", command}});
  }));
  if (command.empty()) return;
  const auto environment = hook_environment(NodeRole::primary, own_epoch(), "the lease was lost");
  alarms_.push_back(start_thread([command, environment, limit = options_.hooks.limit] {
    const auto result = run_hook(command, environment, limit);
    if (!result.ok)
      log::error("hook_failed", command, {{"hook", "lease-kill"}, {"reason", result.text}});
  }));
}

void Supervisor::lead_by_lease(const lease::Lead& lead) {
  conductor_->post([this, lead] {
    auto result = failed("it cannot lead now");
    const auto objections = object_to(gather_facts(true));
    if (objections.empty()) {
      result = carry_out_promotion(lead.reason, lead.at_least, lead.epoch);
    } else {
      result.text = objections.front().text;
    }
    // A node that ends gives nothing back: its application may be left writing.
    const bool has_failed = result.outcome != CommandResult::Outcome::done && !node_.is_stopping();
    if (has_failed) lease_->on_lead_failed(result.text);
    const std::lock_guard lock(mutex_);
    lead_result_ = std::move(result);
    changed_.notify_all();
  });
}

void Supervisor::stand_down_by_lease(Epoch epoch, const std::string& why) {
  if (is_left_out("lease_fence")) return;  // standing down fences, too
  conductor_->post([this, epoch, why] {
    say_weakened();
    // What was handed over is served until the heir leads, or is given up.
    if (switchover_ && is_handed_over_) return;
    if (switchover_) end_switchover(failed("the lease was lost: " + why));
    stand_down(epoch, why);
  });
}

void Supervisor::lease_recorded(const LeaderRecord& record) {
  std::shared_ptr<SyncSet> set;
  {
    const std::lock_guard lock(mutex_);
    set = sync_set_;
  }
  const bool is_of_this_tenure =
      record.led_node == node_.name() && record.led_epoch == record.epoch;
  if (!set || !record.sync || !is_of_this_tenure) return;
  set->on_recorded(*record.sync);
  std::set<std::string> avoided;
  for (const auto& [member, age_us] : lease_->status().members) {
    if (member.nofailover) avoided.insert(member.node);
  }
  set->avoid(std::move(avoided));
}

void Supervisor::lease_proved_copy() {
  if (is_proving_.exchange(true)) return;
  conductor_->post([this, proved = copies_seen_] {
    node_.record([&](NodeIdentity& identity) {
      if (copies_ == proved) identity.copied = false;  // else the proof is of another log
    });
    is_proving_ = false;
  });
}

// --- commands ---

// Takes the lease, and waits until this node leads.
CommandResult Supervisor::promote_by_lease(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    lead_result_.reset();
  }
  if (!lease_->take(reason, kStoreAnswer)) {
    return failed(
        "the lease could not be taken in time; what was asked of the store may yet be carried out, "
        "and this node lead then: see understudy cluster");
  }
  const auto deadline = std::chrono::steady_clock::now() + kRoleChangeLimit;
  while (!node_.is_stopping() && std::chrono::steady_clock::now() < deadline) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kLook, [this] { return lead_result_.has_value(); });
    if (lead_result_) return *lead_result_;
  }
  return failed("it has the lease, and does not lead yet; see its status");
}

void Supervisor::add_lease_objections(std::vector<CommandObjection>& objections) const {
  if (!lease_) return;
  for (auto& objection : lease_->object_to_taking()) {
    objections.push_back({std::move(objection.text), objection.can_be_forced, 0});
  }
}

// Conductor. True: the target has the lease, and this node must not write any more.
bool Supervisor::hand_over_lease(const switchover::Demand& demand) {
  if (!lease_ || is_handed_over_) return true;
  is_handed_over_ =
      lease_->hand_over(switchover_->target(), demand.process, demand.position.seq, kHandOverLimit);
  if (is_handed_over_) return true;
  switchover_->on_handing_over_failed();
  return false;
}

CommandResult Supervisor::pause(bool is_paused) {
  if (!lease_) return refused("this node has no --lease: nothing happens by itself here");
  if (!lease_->set_paused(is_paused, kStoreAnswer)) {
    return failed("the lease store does not answer: " + lease_->status().trouble);
  }
  lease_->look();
  if (is_paused) log::warning("lease_pause", "automatic takeover is paused for all nodes");
  if (!is_paused) log::info("lease_resume", "automatic takeover goes on");
  if (!lease_->await_pause(is_paused, kStoreAnswer)) {
    return failed(
        is_paused ? "automatic takeover is paused, but the holder has not said that it knows: it "
                    "still fences when the lease store is gone; see understudy cluster"
                  : "automatic takeover goes on once the holder has said that it knows; see "
                    "understudy cluster");
  }
  if (!is_paused) return done("automatic takeover goes on");
  return done("automatic takeover is paused for all nodes, until: understudy resume");
}

}  // namespace understudy
