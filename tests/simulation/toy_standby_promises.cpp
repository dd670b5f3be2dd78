// ToyStandby: what is done to it, what it serves, and what it promises.
#include "tests/simulation/toy_standby.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::sim {

// --- faults ---

void ToyStandby::damage() {
  if (!replica_.shown_at() || staging_) return;
  replica_.damage(chance_);
  damaged_ = true;
}

void ToyStandby::scrub() {
  if (!damaged_ || staging_) return;
  drive([](Follower& follower) { follower.on_replica_lost("scrub found damage"); });
}

void ToyStandby::trim(std::size_t batches) {
  if (!log_ || !follower_) return;
  log_->trim(batches, follower_->keep_after());
  drive([&](Follower& follower) { follower.on_log(ticket_, log_->bounds()); });
  if (server_) server_->advance({});
}

void ToyStandby::on_history_lost(Seq seq, bool upstream_orphaned) {
  const auto& shown = replica_.shown_at();
  const bool in_flight = is_up() && (!log_work_.empty() || staging_);
  if ((log_ && log_->bounds().next.seq > seq + 1) || (shown && shown->seq > seq) || in_flight ||
      upstream_orphaned) {
    orphaned_ = true;
  }
  acknowledged_ = std::min(acknowledged_, seq);
  shown_before_ = std::min(shown_before_, seq);
}

// --- serving ---

void ToyStandby::ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) {
  later(chance_.between(50, 10'000), [this, request = std::move(request), done] {
    if (!outline()) return done(std::nullopt);
    done(answer_from(replica_.shown(), *replica_.shown_at(), request));
  });
}

// A replica that is damaged, being replaced, or not what its log says has nothing to offer.
std::optional<StateOutline> ToyStandby::outline() const {
  const auto& shown = replica_.shown_at();
  if (staging_ || damaged_ || !shown || !log_ || !follower_ || !follower_->applied()) {
    return std::nullopt;
  }
  if (log_->position_at(shown->seq) != shown) return std::nullopt;
  return StateOutline{*shown, kToyPageSize, replica_.shown().count()};
}

// --- promises ---

void ToyStandby::on_acknowledged(const message::Ack& ack) {
  if (!orphaned_) acknowledged_ = std::max(acknowledged_, ack.durable);
}

void ToyStandby::check() const {
  on_change();
  const auto& shown = replica_.shown_at();
  if (!truth_ || !shown || damaged_ || orphaned_) return;
  if (!truth_->knows(*shown)) {
    throw Broken(
        fmt::format("{} shows {}, which the primary never was", place_.name, shown->to_string()));
  }
  if (replica_.shown().sum() != shown->sum) {
    throw Broken(fmt::format("{} shows other pages than {} has", place_.name, shown->to_string()));
  }
  if (shown->seq < shown_before_) {
    throw Broken(fmt::format("{} went back from {} to {}", place_.name, shown_before_, shown->seq));
  }
}

bool ToyStandby::is_at(const Position& position) const {
  return is_up() && !damaged_ && follower_->state() == StandbyState::streaming &&
         replica_.shown_at() == position && replica_.shown().sum() == position.sum &&
         log_->bounds().last == position;
}

std::string ToyStandby::describe() const {
  const auto& shown = replica_.shown_at();
  auto text = fmt::format(
      "{}: {}, shows {}, log {}..{}{}{}", place_.name,
      follower_ ? to_string(follower_->state()) : "down", shown ? shown->to_string() : "nothing",
      log_ ? log_->bounds().base.to_string() : "-", log_ ? log_->bounds().last.to_string() : "-",
      damaged_ ? " damaged" : "", orphaned_ ? " orphaned" : "");
  for (const auto& report : reports_) text += "\n    " + report;
  return text;
}

}  // namespace understudy::sim
