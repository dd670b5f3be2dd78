#include "lease/lease_agent.h"

#include "common/core/clock.h"
#include "common/core/failure_point.h"
#include "common/core/heartbeat.h"
#include "common/core/thread_subject.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kTick{50};
constexpr std::chrono::milliseconds kHurriedTick{2};  // a fence is wanted, and not had

// What becomes of a task in the store; the keeper is told under the lock.
struct Done {
  std::optional<LeaseView> view;
  std::optional<SwapOutcome> swapped;
  std::optional<std::string> trouble;
};

}  // namespace

LeaseAgent::LeaseAgent(LeaseRules rules, std::unique_ptr<LeaseStore> store, LeaseBearer& bearer,
                       std::function<void(std::exception_ptr)> failed)
    : rules_(rules),
      store_(std::move(store)),
      bearer_(bearer),
      failed_(std::move(failed)),
      keeper_(std::move(rules), boot_time_us()) {}

LeaseAgent::~LeaseAgent() {
  end();
}

void LeaseAgent::start() {
  store_thread_ = start_thread([this] { guard("lease-store", &LeaseAgent::run_store); });
  thread_ = start_thread([this] { guard("lease", &LeaseAgent::run); });
}

void LeaseAgent::end() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    changed_.notify_all();
    tasks_added_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  if (store_thread_.joinable()) store_thread_.join();
}

void LeaseAgent::guard(const char* name, void (LeaseAgent::*body)()) {
  ::pthread_setname_np(::pthread_self(), name);
  try {
    (this->*body)();
  } catch (...) {
    failed_(std::current_exception());
  }
}

// --- the lease thread ---

void LeaseAgent::run() {
  // Who is stuck here cannot fence.
  const heartbeat::Loop loop("lease", std::chrono::milliseconds(rules_.thread_patience() / 1000));
  for (;;) {
    heartbeat::turn();
    failure_point("lease_turn");
    const auto facts = bearer_.lease_facts();
    std::vector<lease::Action> actions;
    {
      const std::lock_guard lock(mutex_);
      if (is_stopping_) return;
      keeper_.on_facts(facts);
      keeper_.on_fenced(is_fenced_);
      keeper_.tick(boot_time_us());
      actions = keeper_.take_actions();
      changed_.notify_all();
    }
    const bool acted = !actions.empty();
    perform(std::move(actions));
    if (wants_fence()) try_fence();
    if (acted) continue;
    std::unique_lock lock(mutex_);
    const bool hurries = wants_fence_ && !is_fenced_;
    changed_.wait_for(lock, hurries ? kHurriedTick : kTick);
  }
}

// What is said comes last: the rest does not depend on it.
void LeaseAgent::perform(std::vector<lease::Action> actions) {
  std::ranges::stable_partition(actions, [](const lease::Action& action) {
    return !std::holds_alternative<lease::Say>(action);
  });
  for (const auto& action : actions) perform(action);
}

void LeaseAgent::perform(const lease::Action& action) {
  using Kind = StoreTask::Kind;
  if (std::holds_alternative<lease::Observe>(action)) {
    add_task({Kind::observe, {}, {}, false});
  } else if (const auto* swap = std::get_if<lease::Swap>(&action)) {
    add_task({Kind::swap, *swap, {}, false});
  } else if (const auto* publish = std::get_if<lease::Publish>(&action)) {
    add_task({Kind::publish, {}, publish->record, false});
  } else if (const auto* ask = std::get_if<lease::AskToStay>(&action)) {
    const auto round = ask->round;
    lease::StayRequest request{rules_.node, rules_.process, 0, rules_.ttl_us};
    {
      const std::lock_guard lock(mutex_);
      if (keeper_.leader()) request.epoch = keeper_.leader()->value.epoch;
    }
    bearer_.ask_to_stay(ask->nodes, request, [this, round](const std::string& node, bool agrees) {
      const std::lock_guard lock(mutex_);
      keeper_.on_stay_answer(round, node, agrees, boot_time_us());
      changed_.notify_all();
    });
  } else if (std::holds_alternative<lease::Fence>(action)) {
    {
      const std::lock_guard lock(mutex_);
      wants_fence_ = true;
    }
    try_fence();
  } else if (std::holds_alternative<lease::Unfence>(action)) {
    {
      const std::lock_guard lock(mutex_);
      wants_fence_ = false;
    }
    is_fenced_ = false;
    bearer_.drop_lease_fence();
  } else if (std::holds_alternative<lease::Alarm>(action)) {
    bearer_.lease_alarm();
  } else if (const auto* lead = std::get_if<lease::Lead>(&action)) {
    {
      const std::lock_guard lock(mutex_);
      wants_fence_ = false;
    }
    is_fenced_ = false;
    bearer_.lead_by_lease(*lead);
  } else if (const auto* down = std::get_if<lease::StandDown>(&action)) {
    // Until the node is a standby, whose own lock is the fence.
    {
      const std::lock_guard lock(mutex_);
      wants_fence_ = true;
    }
    bearer_.stand_down_by_lease(down->epoch, down->why);
  } else if (const auto* recorded = std::get_if<lease::Recorded>(&action)) {
    bearer_.lease_recorded(recorded->record);
  } else if (std::holds_alternative<lease::Proved>(action)) {
    bearer_.lease_proved_copy();
  } else if (const auto* said = std::get_if<lease::Say>(&action)) {
    log_.write(*said);
  }
}

void LeaseAgent::try_fence() {
  is_fenced_ = bearer_.try_lease_fence();
}

// --- the store thread ---

void LeaseAgent::add_task(StoreTask task) {
  const std::lock_guard lock(mutex_);
  // What the deadline depends on comes first.
  if (task.kind == StoreTask::Kind::swap) {
    tasks_.push_front(std::move(task));
  } else {
    tasks_.push_back(std::move(task));
  }
  tasks_added_.notify_one();
}

std::optional<LeaseAgent::StoreTask> LeaseAgent::next_task() {
  std::unique_lock lock(mutex_);
  tasks_added_.wait(lock, [this] { return is_stopping_ || !tasks_.empty(); });
  if (is_stopping_) return std::nullopt;
  auto task = std::move(tasks_.front());
  tasks_.pop_front();
  return task;
}

void LeaseAgent::run_store() {
  while (auto task = next_task()) carry_out(std::move(*task));
}

void LeaseAgent::carry_out(StoreTask task) {
  using Kind = StoreTask::Kind;
  const auto sent_us = boot_time_us();
  Done done;
  try {
    if (task.kind == Kind::observe) done.view = store_->observe();
    if (task.kind == Kind::swap) done.swapped = store_->swap(task.swap.record, task.swap.expected);
    if (task.kind == Kind::publish) store_->publish(task.member);
    if (task.kind == Kind::pause) store_->set_paused(task.is_paused);
  } catch (const StoreUnreachable& error) {
    done.trouble = error.what();
  }
  const auto now_us = boot_time_us();
  const std::lock_guard lock(mutex_);
  if (done.view) keeper_.on_view(std::move(*done.view), sent_us, now_us);
  if (done.swapped) keeper_.on_swapped(*done.swapped, now_us);
  if (done.trouble && task.kind == Kind::observe) keeper_.on_unreachable(now_us);
  if (done.trouble && task.kind == Kind::swap) keeper_.on_swap_unknown(now_us);
  if (task.kind == Kind::pause) paused_ = !done.trouble;
  trouble_ = done.trouble.value_or(std::string());
  changed_.notify_all();
}

// --- commands ---

template <typename Done>
bool LeaseAgent::await(std::chrono::milliseconds patience, Done done) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return is_stopping_ || done(); }) && !is_stopping_;
}

std::optional<LeaseView> LeaseAgent::await_view(std::chrono::milliseconds patience) {
  if (!await(patience, [this] { return keeper_.has_view(); })) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return keeper_.view();
}

bool LeaseAgent::claim(Epoch epoch, std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(mutex_);
    keeper_.claim(epoch);
    changed_.notify_all();
  }
  (void)await(patience, [this] { return !keeper_.is_claiming(); });
  const std::lock_guard lock(mutex_);
  keeper_.give_up_claim();
  return keeper_.holds();
}

std::vector<LeaseKeeper::Objection> LeaseAgent::object_to_taking() const {
  const std::lock_guard lock(mutex_);
  return keeper_.object_to_taking(boot_time_us());
}

bool LeaseAgent::take(const std::string& reason, std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(mutex_);
    keeper_.take(reason);
    changed_.notify_all();
  }
  const bool taken = await(patience, [this] { return keeper_.holds(); });
  const std::lock_guard lock(mutex_);
  keeper_.give_up_taking();
  return taken;
}

bool LeaseAgent::hand_over(const std::string& node, std::uint64_t process, Seq position,
                           std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(mutex_);
    keeper_.hand_over(node, process, position);
    changed_.notify_all();
  }
  const bool ended = await(patience, [this] { return !keeper_.holds(); });
  const std::lock_guard lock(mutex_);
  keeper_.give_up_handing_over();
  return ended && keeper_.leader() && keeper_.leader()->value.node == node;
}

bool LeaseAgent::set_paused(bool is_paused, std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(mutex_);
    paused_.reset();
  }
  add_task({StoreTask::Kind::pause, {}, {}, is_paused});
  const bool is_answered = await(patience, [this] { return paused_.has_value(); });
  const std::lock_guard lock(mutex_);
  // Not after its caller gave up: somebody may have said the opposite by then.
  std::erase_if(tasks_, [](const auto& task) { return task.kind == StoreTask::Kind::pause; });
  return is_answered && paused_.value_or(false);
}

// With the mutex. Where nobody holds the lease there is nobody who must know.
bool LeaseAgent::is_pause_known() const {
  const auto& leader = keeper_.leader();
  const bool is_held = leader && !leader->value.is_released && !leader->value.is_offered;
  return !is_held || leader->value.is_paused == keeper_.view().is_paused;
}

bool LeaseAgent::await_pause(bool is_paused, std::chrono::milliseconds patience) {
  return await(patience, [&] { return keeper_.view().is_paused == is_paused && is_pause_known(); });
}

void LeaseAgent::on_lead_failed(const std::string& why) {
  const std::lock_guard lock(mutex_);
  keeper_.on_lead_failed(why, boot_time_us());
  changed_.notify_all();
}

void LeaseAgent::look() {
  const std::lock_guard lock(mutex_);
  keeper_.look(boot_time_us());
  changed_.notify_all();
}

bool LeaseAgent::on_stay_request(const lease::StayRequest& request) {
  const std::lock_guard lock(mutex_);
  return keeper_.on_stay_request(request, boot_time_us());
}

// --- answers ---

bool LeaseAgent::may_write(Epoch epoch) const {
  const std::lock_guard lock(mutex_);
  return keeper_.may_write(boot_time_us()) && keeper_.held_epoch() == epoch;
}

bool LeaseAgent::wants_fence() const {
  const std::lock_guard lock(mutex_);
  return wants_fence_;
}

LeaseStatus LeaseAgent::status() const {
  const std::lock_guard lock(mutex_);
  const auto now_us = boot_time_us();
  LeaseStatus status;
  status.holds = keeper_.holds();
  status.is_held = keeper_.leader() && !keeper_.is_vacant(now_us);
  const bool is_asked = keeper_.view().is_paused;
  status.is_paused = is_asked && is_pause_known();
  status.is_pausing = is_asked && !status.is_paused;
  status.is_on_promises = keeper_.is_on_promises();
  status.ttl_us = rules_.ttl_us;
  if (const auto& leader = keeper_.leader()) status.leader = leader->value;
  status.leader_age_us = keeper_.leader_age_us(now_us);
  for (const auto& [member, revision] : keeper_.view().members) {
    status.members.emplace_back(member, keeper_.member_age_us(member.node, now_us));
  }
  if (keeper_.unreachable_since_us()) status.trouble = trouble_;
  status.warnings = keeper_.warnings(now_us);
  return status;
}

}  // namespace understudy
