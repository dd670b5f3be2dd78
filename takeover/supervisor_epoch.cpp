// An epoch of this node: from the end of the standby to the moment its application may write.
#include "common/backend/open_epoch.h"
#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/logging/log.h"
#include "publisher/sync_commits.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

#include <utility>

namespace understudy {

Supervisor::Step Supervisor::after_following(Subscriber& subscriber, const Plan& plan) {
  auto handover = subscriber.hand_over();
  failure_point("promote_halted");
  if (handover) return open_own_epoch(std::move(*handover), plan);
  finish_promotion(failed("its database is not whole; it goes on as a standby"));
  return Step::follow;
}

Supervisor::Step Supervisor::open_own_epoch(ReplicaHandover handover, const Plan& plan) {
  auto backend = open_sqlite_backend(node_.directory().backend());
  if (backend->bounds().last != handover.position) {
    backend.reset();
    const std::lock_guard lock(fence_mutex_);
    fence_ = std::move(handover.fence);
    finish_promotion({CommandResult::Outcome::failed,
                      "its database does not show the end of its log; it goes on as a standby",
                      {},
                      handover.position});
    return Step::follow;
  }
  // From the opening on its history is of its own making again; before, its name in it may not be.
  if (backend->history().back().node != node_.name()) {
    node_.record([](NodeIdentity& identity) { identity.copied = false; });
  }
  const auto start = open_epoch(*backend, node_.name(), plan.reason, handover.cursor.encode(),
                                handover.page_size, handover.page_count, plan.at_least);
  const auto at = backend->bounds().last;
  backend.reset();
  failure_point("promote_opened");
  if (!lease_allows(start.epoch)) {
    // Nobody has written in it: it is rewound when another node leads.
    node_.record([&](NodeIdentity& identity) { identity.demoted_from = start.epoch; });
    learn_history();
    const std::lock_guard lock(fence_mutex_);
    fence_ = std::move(handover.fence);
    finish_promotion(failed("the lease was lost before it could lead; it goes on as a standby"));
    return Step::follow;
  }
  show_primary(node_.directory().commit_page(), options_.publish.sync, start.epoch, start.tenure);
  node_.record([](NodeIdentity& identity) { identity.fenced = identity.copied = false; });
  failure_point("promote_recorded");
  {
    const std::lock_guard lock(fence_mutex_);
    fence_ = std::move(handover.fence);
    is_fenced_ = true;
  }
  learn_history();
  auto text =
      fmt::format("{} leads epoch {} from seq {}", node_.name(), start.epoch, start.first_seq);
  opened_ = {{CommandResult::Outcome::done, std::move(text), {}, at}, plan.reason};
  return Step::lead;
}

// Another tenure is none of this epoch's. A new stream is not on record in the log yet.
bool Supervisor::has_lost_lease() const {
  if (!lease_) return false;
  const auto seen = lease_->status();
  const auto own = own_epoch();
  return !seen.holds || (own != 0 && seen.leader && seen.leader->epoch > own);
}

// From here on whoever has to fence it, or to stand down, finds the publisher.
void Supervisor::let_application_write() {
  has_let_write_ = lease_ != nullptr;
  if (!node_.identity().fenced) (void)drop_fence();
  const bool is_lost = has_lost_lease();
  if (is_lost) {
    // That it is lost may have been said when there was nobody yet to stand down.
    conductor_->post([this] { stand_down(0, "the lease was lost before it led"); });
  }
  auto opened = std::exchange(opened_, {});
  if (!opened) return;
  failure_point("promote_freed");
  if (is_lost) return finish_promotion(failed("the lease was lost before it could lead"));
  log::warning("promoted", "this node leads from here on",
               {{"epoch", own_epoch()},
                {"position", opened->result.position.to_string()},
                {"reason", opened->reason}});
  finish_promotion(std::move(opened->result));
  run_hook_beside(options_.hooks.on_promote, "on-promote", NodeRole::primary);
}

// For the lease thread, which may have to take it at once and must not wait for a disk.
void Supervisor::open_fence_ahead() {
  const std::lock_guard lock(fence_mutex_);
  if (!lease_ || fence_) return;
  try {
    fence_.emplace(node_.database());
  } catch (const Error&) {
    // The publisher opens it next, and says what is the matter.
  }
}

}  // namespace understudy
