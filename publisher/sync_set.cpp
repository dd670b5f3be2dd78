#include "publisher/sync_set.h"

#include <algorithm>

namespace understudy {
namespace {

// Others must be ahead for so long before they take the place of those who count: each change costs
// a write to the store.
constexpr std::int64_t kPatience_us = 300'000;

}  // namespace

SyncSet::SyncSet(std::string self, std::size_t count, std::vector<std::string> inherited)
    : self_(std::move(self)), count_(count), members_(std::move(inherited)) {
  std::ranges::sort(members_);
}

void SyncSet::begin(Seq durable) {
  const std::lock_guard lock(mutex_);
  floor_ = std::max(floor_, durable);
}

// What all of them have but this node; nullopt: they are too few, or one is not heard of.
std::optional<Seq> SyncSet::least_of(const std::vector<std::string>& members,
                                     const Heard& heard) const {
  std::optional<Seq> least;
  std::size_t others = 0;
  for (const auto& name : members) {
    if (name == self_) continue;
    ++others;
    const auto found = std::ranges::find(heard, name, &std::pair<std::string, Seq>::first);
    if (found == heard.end()) return std::nullopt;
    least = std::min(least.value_or(found->second), found->second);
  }
  return others < count_ ? std::nullopt : least;
}

Seq SyncSet::acknowledge(const Heard& heard, Seq durable, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  auto least = is_recorded_ ? least_of(members_, heard) : std::nullopt;
  if (least && proposed_) {
    const auto also = least_of(*proposed_, heard);
    least = also ? std::optional(std::min(*least, *also)) : std::nullopt;
  }
  const auto before = acknowledged_;
  if (least) acknowledged_ = std::max(acknowledged_, std::min(*least, durable));
  floor_ = std::max(floor_, acknowledged_);
  const auto present = least_of(members_, heard);
  const bool is_well = present && *present >= durable;
  if (is_well || acknowledged_ != before || stuck_since_us_ == 0) stuck_since_us_ = now_us;
  if (!proposed_ && !is_well) propose(heard, durable, now_us);
  return acknowledged_;
}

// The furthest of those that have all that was acknowledged; who counts already comes first.
void SyncSet::propose(const Heard& heard, Seq durable, std::int64_t now_us) {
  const auto present = least_of(members_, heard);
  if (present && (*present >= durable || now_us - stuck_since_us_ < kPatience_us)) return;
  auto fit = heard;
  std::erase_if(
      fit, [&](const auto& standby) { return standby.second < floor_ || standby.first == self_; });
  const auto counts = [this](const std::string& name) {
    return std::ranges::find(members_, name) != members_.end();
  };
  std::ranges::sort(fit, [&](const auto& a, const auto& b) {
    if (a.second != b.second) return a.second > b.second;
    if (counts(a.first) != counts(b.first)) return counts(a.first);
    return a.first < b.first;
  });
  if (fit.size() < count_) return;
  fit.resize(count_);
  if (present && fit.back().second <= *present) return;  // nothing would be gained
  std::vector<std::string> names;
  for (const auto& standby : fit) names.push_back(standby.first);
  std::ranges::sort(names);
  if (names != members_) proposed_ = std::move(names);
}

void SyncSet::want_degraded(bool wants) {
  const std::lock_guard lock(mutex_);
  wants_degraded_ = wants;
}

bool SyncSet::is_degraded_on_record() const {
  const std::lock_guard lock(mutex_);
  return is_degraded_;
}

SyncMembers SyncSet::wish() const {
  const std::lock_guard lock(mutex_);
  return {count_, proposed_.value_or(members_), wants_degraded_};
}

void SyncSet::on_recorded(const SyncMembers& recorded) {
  const std::lock_guard lock(mutex_);
  if (recorded.count != count_) return;
  is_recorded_ = true;
  is_degraded_ = recorded.is_degraded;
  members_ = recorded.members;
  if (proposed_ == members_) proposed_.reset();
}

}  // namespace understudy
