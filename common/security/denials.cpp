#include "common/security/denials.h"

#include "common/core/clock.h"
#include "common/logging/log.h"

namespace understudy {

std::string_view to_string(Denial kind) {
  constexpr std::array<std::string_view, kDenialKinds> kNames = {
      "unknown_key", "no_live",        "wrong_server_key", "garbage",    "given_up",     "too_slow",
      "too_many",    "may_not_follow", "may_not_command",  "other_name", "key_withdrawn"};
  return kNames[static_cast<std::size_t>(kind)];
}

void Denials::note(Denial kind, const std::string& who, std::string_view text) {
  ++counts_[static_cast<std::size_t>(kind)];
  const auto now_us = monotonic_time_us();
  std::optional<std::uint64_t> times;
  {
    const std::lock_guard lock(mutex_);
    const auto cause = std::string(to_string(kind)) + ' ' + who;
    // Whoever comes with ever new addresses makes us forget the old ones, and no more lines.
    if (troubles_.size() == kRemembered && !troubles_.contains(cause)) troubles_.clear();
    times = troubles_[cause].came(cause, now_us);
    if (!times) return;
    auto& line = lines_[static_cast<std::size_t>(kind)];
    if (!line.take(now_us / kLineEvery_s)) return;
  }
  log::warning("denied", text, {{"kind", to_string(kind)}, {"from", who}, {"times", *times}});
}

Denials::Counts Denials::counts() const {
  Counts counts{};
  for (std::size_t i = 0; i < kDenialKinds; ++i) counts[i] = counts_[i];
  return counts;
}

}  // namespace understudy
