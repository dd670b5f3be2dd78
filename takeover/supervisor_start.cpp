// What a node begins with: what its disk, its peers and the lease store say is gathered here;
// start_role.h decides.
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/logging/log.h"
#include "takeover/lost_tail.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

namespace understudy {

StartFacts Supervisor::gather_start_facts() {
  const auto identity = node_.identity();
  StartFacts facts{.asked = options_.node.role, .node = node_.name()};
  facts.recorded = identity.role;
  facts.demoted_from = identity.demoted_from;
  facts.is_copied = identity.copied;
  if (sqlite_backend_exists(node_.directory().backend())) {
    const auto backend = open_sqlite_backend(node_.directory().backend());
    facts.history = backend->history();
    facts.has_cursor = wal::Cursor::decode(backend->cursor()).has_value();
  }
  const bool led_last = !facts.history.empty() && facts.history.back().node == node_.name();
  if (links_ && (led_last || options_.node.role == NodeRole::primary)) {
    // The first word of each that can be reached; who is not there is not waited for in vain.
    const auto deadline_us = monotonic_time_us() + options_.peer_patience.count() * 1000;
    do {
      (void)links_->refresh(std::chrono::milliseconds(200), false);
    } while (links_->highest_epoch() == 0 && monotonic_time_us() < deadline_us &&
             !node_.is_stopping());
    if (links_->highest_epoch() != 0) facts.peers_epoch = links_->highest_epoch();
  }
  facts.lease = ask_lease_store(facts);
  return facts;
}

StartDecision Supervisor::decide_first_role() {
  for (;;) {
    const auto facts = gather_start_facts();
    const auto decision = decide_start(facts);
    if (decision.role != StartRole::primary || node_.is_stopping() || claim_lease(facts)) {
      return decision;
    }
    // Somebody else has it, or nobody can be asked. Who has no state can only ask again.
    if (facts.history.empty()) continue;
    return {facts.has_cursor ? StartRole::drain_then_standby : StartRole::standby,
            "the lease could not be had"};
  }
}

Supervisor::Step Supervisor::first_step() {
  const auto decision = decide_first_role();
  if (node_.is_stopping()) return Step::end;
  const bool leads = decision.role == StartRole::primary;
  log::info("role_decided", decision.why, {{"role", leads ? "primary" : "standby"}});
  if (!leads && options_.follow.from.empty()) {
    throw ConfigError(
        fmt::format("{} is to be a standby ({}), but nothing says of whom: give --peers",
                    node_.database(), decision.why));
  }
  if (decision.role == StartRole::drain_then_standby) return Step::drain;
  if (!leads) return Step::follow;
  restore_lost_tail(node_.database(), node_.directory());
  return Step::lead;
}

}  // namespace understudy
