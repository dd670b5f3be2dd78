#include "subscriber/applied_page.h"

namespace understudy {
namespace {

constexpr std::int64_t kSayEvery_us = 500'000;

}  // namespace

AppliedPage::AppliedPage(const std::string& path) : page_(path) {
  commit_page::State state{};
  state.role = commit_page::kStandby;
  page_.publish(state);
}

void AppliedPage::show(const std::optional<Position>& applied, std::int64_t now_us) {
  const auto position = applied.value_or(Position{});
  const bool moved = position != shown_;
  if (!moved && now_us - shown_at_us_ < kSayEvery_us) return;
  shown_ = position;
  shown_at_us_ = now_us;
  commit_page::State state{};
  state.role = commit_page::kStandby;
  state.epoch = state.applied_epoch = position.epoch;
  state.applied_seq = position.seq;
  state.applied_sum = position.sum;
  page_.publish(state);
  if (moved) page_.announce(commit_page::kAppliedAdvanced);
}

}  // namespace understudy
