// One role after another: what runs first, and what comes after what.
#include "takeover/supervisor.h"

#include "common/core/random_number.h"
#include "common/core/thread_subject.h"
#include "common/keys/key_files.h"
#include "common/logging/log.h"

#include <fmt/format.h>

#include <future>
#include <utility>

namespace understudy {
Supervisor::Supervisor(SupervisorOptions options)
    : options_(std::move(options)),
      security_(load_security(options_.keys)),
      node_(options_.node),
      process_(random_number()) {
  options_.publish.node = options_.follow.node = node_.name();
  if (options_.follow.prefer_primary && options_.follow.from == options_.peers) {
    options_.follow.from = feeders_among(*security_, options_.peers);
  }
  if (options_.http) options_.http->certificate = open_certificate(*options_.http);
  check_security(*security_, node_.name(), options_.follow.from, options_.peers);
  options_.publish.cluster = options_.follow.cluster = this;
  options_.publish.security = options_.follow.security = security_;
  options_.publish.meters = options_.follow.meters = meters_;
  if (const auto& listen = options_.follow.listen) {
    options_.publish.held = options_.follow.held =
        std::make_shared<HeldListener>(*listen, security_);
  }
}

Supervisor::~Supervisor() {
  end_helpers();
  for (auto& hook : hooks_) hook.join();
  for (auto& alarm : alarms_) alarm.join();
}

void Supervisor::run() {
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto fail = [&](std::exception_ptr what) {
    {
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::move(what);
    }
    node_.stop();
  };
  learn_history();
  keep_archive();
  conductor_ = std::make_unique<Conductor>(
      Conductor::Options{.is_busy = [this] { return switchover_.has_value(); },
                         .tick =
                             [this] {
                               heed_higher_epoch();
                               drive_switchover();
                               if (!lease_) return;
                               drop_unwanted_fence();
                               say_weakened();
                             },
                         .failed = fail});
  // Peers answer within microseconds: what they say waits until they can be asked back.
  std::promise<void> ready;
  conductor_->post([waiting = ready.get_future().share()] { waiting.wait(); });
  if (!options_.peers.empty()) {
    PeerLinksOptions links{.peers = options_.peers,
                           .security = security_,
                           .report = [this] { return report(); },
                           .event =
                               [this](const PeerEvent& event) {
                                 conductor_->post([this, event] { on_peer_event(event); });
                               },
                           .trouble = say_trouble,
                           .failed = fail};
    links_ = std::make_unique<PeerLinks>(std::move(links));
  }
  begin_lease(fail);
  api_ = std::make_unique<Api>(
      ApiOptions{.control_socket = node_.directory().control_socket(), .http = options_.http},
      *this, *this);
  say_started();
  ready.set_value();
  try {
    for (auto step = first_step(); step != Step::end && !node_.is_stopping();) step = take(step);
  } catch (...) {
    fail(std::current_exception());
  }
  if (archive_) archive_->end();
  end_helpers();
  const std::lock_guard lock(failure_mutex);
  if (failure) std::rethrow_exception(failure);
}

// Whoever waits for a command is answered first; then nobody asks the conductor or the peers.
void Supervisor::end_helpers() {
  node_.stop();
  finish_promotion(stopping());
  if (lease_) lease_->end();  // it asks all the others
  if (conductor_) conductor_->end();
  if (api_) {
    api_.reset();
    log::info("node_stopped", "stopped cleanly, position saved", {{"node", node_.name()}});
  }
  links_.reset();  // it tells the conductor, and the lease
  lease_.reset();
  conductor_.reset();
}

void Supervisor::stop() {
  node_.stop();
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void Supervisor::reload_keys() {
  const auto certificate = options_.http ? options_.http->certificate : nullptr;
  if (!security_->is_open() || !certificate) reload_peers(options_.keys, *security_);
  if (certificate) certificate->reload();
}

bool Supervisor::is_up() const {
  {
    const std::lock_guard lock(mutex_);
    if (role_ == PeerRole::none) return false;
  }
  return node_.status().state != NodeState::starting;
}

// --- one after another ---

Supervisor::Step Supervisor::take(Step step) {
  switch (step) {
    case Step::lead:
      return lead();
    case Step::follow:
      return follow();
    case Step::drain:
      return drain();
    case Step::begin_anew:
      return put_log_aside();
    case Step::end:
      break;
  }
  return Step::end;
}

// --- the roles ---

Supervisor::Step Supervisor::lead() {
  node_.record([](NodeIdentity& identity) {
    identity.role = NodeRole::primary;
    identity.copied = false;
  });
  open_fence_ahead();
  keep_operators_fence();
  begin_sync_set();
  const auto publisher = std::make_shared<Publisher>(options_.publish, node_.directory());
  set_role(PeerRole::primary, publisher, nullptr);
  let_application_write();
  if (links_) links_->announce();
  return after_leading(run_role(*publisher));
}

Supervisor::Step Supervisor::after_leading(const Plan& plan) {
  switch (plan.kind) {
    case Plan::Kind::stand_down:
      run_hook_beside(options_.hooks.on_demote, "on-demote", NodeRole::standby);
      return Step::follow;
    case Plan::Kind::reopen: {
      std::unique_lock lock(fence_mutex_);
      const auto header = fence_->header().value_or(wal::IndexHeader{});
      const auto backend = open_sqlite_backend(node_.directory().backend());
      const auto last = backend->bounds().last;
      ReplicaHandover handover{std::move(*fence_), last, header.cursor(), header.page_size,
                               header.page_count};
      fence_.reset();
      is_fenced_ = false;
      lock.unlock();
      return open_own_epoch(std::move(handover), plan);
    }
    default:
      return Step::end;
  }
}

Supervisor::Step Supervisor::follow() {
  const bool begins_anew = !sqlite_backend_exists(node_.directory().backend());
  if (begins_anew) ++copies_;
  node_.record([begins_anew](NodeIdentity& identity) {
    identity.role = NodeRole::standby;
    identity.fenced = false;
    identity.copied = identity.copied || begins_anew;
  });
  std::optional<wal::WriteFence> fence;
  {
    const std::lock_guard lock(fence_mutex_);
    fence = std::exchange(fence_, {});
    is_fenced_ = false;
  }
  if (fence && !fence->is_held()) fence.reset();
  Subscriber subscriber(options_.follow, node_.directory(), std::move(fence));
  set_role(PeerRole::standby, nullptr, &subscriber);
  if (links_) {
    if (const auto endpoint = primary_endpoint()) subscriber.prefer(*endpoint);
  }
  const auto plan = run_role(subscriber);
  if (plan.kind == Plan::Kind::begin_anew) return Step::begin_anew;
  return plan.kind == Plan::Kind::promote ? after_following(subscriber, plan) : Step::end;
}

// A primary that is none any more, before it follows: what its application committed goes on
// record, unseen by anybody.
Supervisor::Step Supervisor::drain() {
  auto options = options_.publish;
  options.serve = false;
  const auto publisher = std::make_shared<Publisher>(std::move(options), node_.directory());
  set_role(PeerRole::none, publisher, nullptr);
  log::info("draining", "what the application wrote while no publisher ran goes into the log");
  conductor_->post([this, publisher] {
    if (!fence_and_drain(*publisher)) return;
    const std::lock_guard lock(mutex_);
    plan_.kind = Plan::Kind::drained;
    publisher->stop();
  });
  return run_role(*publisher).kind == Plan::Kind::drained ? Step::follow : Step::end;
}

// --- the pieces ---

void Supervisor::set_role(PeerRole role, std::shared_ptr<Publisher> publisher,
                          Subscriber* subscriber) {
  const std::lock_guard lock(mutex_);
  role_ = role;
  publisher_ = std::move(publisher);
  subscriber_ = subscriber;
  plan_ = {};
  superseded_by_.reset();
}

// Until it ends, of itself or by stop(); returns what it ended for.
Supervisor::Plan Supervisor::run_role(Role& role) {
  try {
    node_.run(role);
  } catch (...) {
    (void)end_role();
    throw;
  }
  return end_role();
}

Supervisor::Plan Supervisor::end_role() {
  const std::lock_guard lock(mutex_);
  role_ = PeerRole::none;
  publisher_.reset();
  subscriber_ = nullptr;
  return std::exchange(plan_, {});
}

std::shared_ptr<Publisher> Supervisor::publisher() {
  const std::lock_guard lock(mutex_);
  return publisher_;
}

std::optional<Endpoint> Supervisor::primary_endpoint() const {
  const auto primary = links_->primary();
  return primary ? links_->endpoint_of(primary->report.node) : std::nullopt;
}

CommandResult Supervisor::done(std::string text) const {
  return {CommandResult::Outcome::done, std::move(text), {}, position()};
}

CommandResult Supervisor::refused(std::string text) const {
  return {CommandResult::Outcome::refused, std::move(text), {}, position()};
}

CommandResult Supervisor::failed(std::string text) const {
  return {CommandResult::Outcome::failed, std::move(text), {}, position()};
}

Epoch Supervisor::own_epoch() const {
  const std::lock_guard lock(mutex_);
  return history_.empty() ? 0 : history_.back().epoch;
}

Position Supervisor::position() const {
  return node_.status().position;
}

void Supervisor::learn_history() {
  History history;
  if (sqlite_backend_exists(node_.directory().backend())) {
    history = open_sqlite_log_reader(node_.directory().backend())->history();
  }
  const std::lock_guard lock(mutex_);
  history_ = std::move(history);
}

bool Supervisor::is_history_stale(const Status& status) const {
  const std::lock_guard lock(mutex_);
  if (history_.empty()) return status.position.epoch != 0;
  return role_ == PeerRole::standby && status.position.epoch > history_.back().epoch;
}

void Supervisor::keep_operators_fence() {
  if (!node_.identity().fenced) return;
  log::warning("fenced", "the operator fenced this database; understudy unfence lifts it");
  while (!node_.is_stopping() && !take_fence(std::chrono::milliseconds(200))) {
  }
  say_weakened();
}

Environment Supervisor::hook_environment(NodeRole role, Epoch epoch, std::string_view reason) {
  return {{"UNDERSTUDY_NODE", node_.name()},
          {"UNDERSTUDY_ROLE", std::string(to_string(role))},
          {"UNDERSTUDY_EPOCH", std::to_string(epoch)},
          {"UNDERSTUDY_DATABASE", node_.database()},
          {"UNDERSTUDY_STREAM", node_.identity().stream.to_string()},
          {"UNDERSTUDY_REASON", std::string(reason)}};
}

// Nothing waits for it: the role is changed, and what the hook makes of it is its own affair.
void Supervisor::run_hook_beside(const std::string& command, std::string_view name, NodeRole role) {
  if (command.empty()) return;
  hooks_.push_back(start_thread([command, name = std::string(name), limit = options_.hooks.limit,
                                 environment = hook_environment(role, own_epoch(), name)] {
    const auto result = run_hook(command, environment, limit);
    if (result.ok) {
      log::info("hook_done", command, {{"hook", name}});
    } else {
      log::error("hook_failed", command, {{"hook", name}, {"reason", result.text}});
    }
  }));
}

}  // namespace understudy
