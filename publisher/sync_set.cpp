#include "publisher/sync_set.h"

#include <algorithm>

namespace understudy {
namespace {

// Others must be ahead for so long before they take the place of those who count: each change costs
// a write to the store.
constexpr std::int64_t kPatience_us = 300'000;

}  // namespace

SyncSet::SyncSet(std::string self, std::size_t count, const std::optional<SyncRecord>& inherited)
    : self_(std::move(self)), count_(count) {
  if (!inherited) return;
  members_ = inherited->members;
  std::ranges::sort(members_);
  may_stand_degraded_ = inherited->is_degraded;
  promised_ = inherited->acknowledged;
  if (inherited->is_degraded) promised_most_ = inherited->acknowledged;
}

void SyncSet::begin(Seq durable) {
  const std::lock_guard lock(mutex_);
  floor_ = std::max(floor_, durable);
  promised_most_ = promised_most_.value_or(durable);
  is_alone_ = false;
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
  const bool is_held_back = may_stand_degraded_ && !is_alone_;
  if (least && !is_held_back) acknowledged_ = std::max(acknowledged_, std::min(*least, durable));
  if (!is_alone_) note_promises();
  floor_ = std::max(floor_, acknowledged_);
  const auto present = least_of(members_, heard);
  const bool is_well = present && *present >= durable;
  if (is_well || acknowledged_ != before || stuck_since_us_ == 0) stuck_since_us_ = now_us;
  if (!proposed_ && (!is_well || avoided_among(members_) != 0)) propose(heard, durable, now_us);
  return acknowledged_;
}

std::size_t SyncSet::avoided_among(const std::vector<std::string>& names) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(names, [this](const auto& name) { return avoided_.contains(name); }));
}

// Of those that have all that was acknowledged: who may take over, the furthest, who counts
// already.
std::vector<std::string> SyncSet::best_of(Heard fit) const {
  std::erase_if(
      fit, [&](const auto& standby) { return standby.second < floor_ || standby.first == self_; });
  const auto counts = [this](const std::string& name) {
    return std::ranges::find(members_, name) != members_.end();
  };
  std::ranges::sort(fit, [&](const auto& a, const auto& b) {
    if (avoided_.contains(a.first) != avoided_.contains(b.first)) return avoided_.contains(b.first);
    if (a.second != b.second) return a.second > b.second;
    if (counts(a.first) != counts(b.first)) return counts(a.first);
    return a.first < b.first;
  });
  fit.resize(std::min(fit.size(), count_));
  std::vector<std::string> names;
  for (const auto& standby : fit) names.push_back(standby.first);
  std::ranges::sort(names);
  return names;
}

void SyncSet::propose(const Heard& heard, Seq durable, std::int64_t now_us) {
  const auto present = least_of(members_, heard);
  auto names = best_of(heard);
  if (names.size() < count_ || names == members_) return;
  const bool may_lead_better = avoided_among(names) < avoided_among(members_);
  if (present && !may_lead_better) {
    const bool is_early = *present >= durable || now_us - stuck_since_us_ < kPatience_us;
    if (is_early || least_of(names, heard) <= present) return;  // or nothing would be gained
  }
  proposed_ = std::move(names);
}

void SyncSet::note_promises() {
  promised_ = std::max(promised_, acknowledged_);
  promised_most_ = std::max(promised_most_.value_or(0), acknowledged_);
}

void SyncSet::avoid(std::set<std::string> names) {
  const std::lock_guard lock(mutex_);
  avoided_ = std::move(names);
}

void SyncSet::want_degraded(bool wants) {
  const std::lock_guard lock(mutex_);
  wants_degraded_ = wants;
  if (wants) may_stand_degraded_ = true;
  if (!wants && !wished_degraded_) may_stand_degraded_ = is_degraded_;  // nobody was told
}

bool SyncSet::is_degraded_on_record() const {
  const std::lock_guard lock(mutex_);
  return is_degraded_;
}

void SyncSet::go_alone(bool is_alone) {
  const std::lock_guard lock(mutex_);
  is_alone_ = is_alone;
  if (!is_alone) note_promises();
}

SyncRecord SyncSet::wish() {
  const std::lock_guard lock(mutex_);
  wished_degraded_ = wants_degraded_;
  const auto acknowledged = wants_degraded_ ? promised_most_.value_or(promised_) : promised_;
  return {count_, proposed_.value_or(members_), wants_degraded_, acknowledged};
}

void SyncSet::on_recorded(const SyncRecord& recorded) {
  const std::lock_guard lock(mutex_);
  if (recorded.count != count_) return;
  is_recorded_ = true;
  is_degraded_ = recorded.is_degraded;
  // One more that says so may be under way.
  may_stand_degraded_ = is_degraded_ || wished_degraded_ || wants_degraded_;
  members_ = recorded.members;
  if (proposed_ == members_) proposed_.reset();
}

}  // namespace understudy
