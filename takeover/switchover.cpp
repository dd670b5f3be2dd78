#include "takeover/switchover.h"

#include <fmt/format.h>

#include <utility>

namespace understudy {

Switchover::Switchover(std::uint64_t id, std::string target, std::uint64_t process, Epoch epoch,
                       std::int64_t now_us)
    : id_(id), target_(std::move(target)), process_(process), epoch_(epoch), now_us_(now_us) {
  actions_.emplace_back(switchover::TakeFence{});
}

void Switchover::tick(std::int64_t now_us) {
  now_us_ = now_us;
  if (step_ != Step::demanding) return;
  if (now_us - demanded_at_us_ >= kDemandEvery_us) demand();
  if (said_stuck_ || now_us - first_demand_us_ < kDemandAnswer_us) return;
  said_stuck_ = true;
  actions_.emplace_back(switchover::Stuck{fmt::format(
      "{} was asked to take over and does not answer; the application stays fenced until it does. "
      "If it is lost for good: understudy unfence (it must never come back as a primary), or "
      "understudy promote --force on the node that is to lead",
      target_)});
}

void Switchover::on_fenced(bool is_held) {
  if (step_ != Step::fencing) return;
  if (!is_held) return give_up("the application's open transaction did not end in time", false);
  step_ = Step::draining;
  actions_.emplace_back(switchover::Drain{});
}

void Switchover::on_drained(const std::optional<Position>& position) {
  if (step_ != Step::draining) return;
  if (!position)
    return give_up("what the application committed did not get into the log in time", true);
  step_ = Step::demanding;
  position_ = *position;
  first_demand_us_ = now_us_;
  demand();
}

void Switchover::demand() {
  demanded_at_us_ = now_us_;
  actions_.emplace_back(switchover::Demand{id_, process_, position_});
}

void Switchover::on_report(const TargetReport& report) {
  if (report.epoch > epoch_) return on_higher_epoch(report.epoch);
  if (step_ != Step::demanding || report.role != NodeRole::standby) return;
  if (report.declined == id_) return give_up(fmt::format("{} refused", target_), true);
  if (report.process != process_) {
    give_up(fmt::format("{} was restarted meanwhile, and did not take over", target_), true);
  }
}

void Switchover::on_higher_epoch(Epoch epoch) {
  if (step_ == Step::over || epoch <= epoch_) return;
  step_ = Step::over;
  actions_.emplace_back(switchover::StandDown{epoch});
}

void Switchover::on_unfenced_by_operator() {
  if (step_ != Step::over) give_up("the operator dropped the fence", false);
}

void Switchover::on_handing_over_failed() {
  if (step_ == Step::demanding) give_up("the lease could not be handed over", true);
}

void Switchover::give_up(std::string reason, bool drop_fence) {
  step_ = Step::over;
  if (drop_fence) actions_.emplace_back(switchover::DropFence{});
  actions_.emplace_back(switchover::GiveUp{std::move(reason)});
}

std::vector<switchover::Action> Switchover::take_actions() {
  return std::exchange(actions_, {});
}

}  // namespace understudy
