#include "common/security/admission.h"

#include <algorithm>

namespace understudy {

Admission::Admission(const AdmissionLimits& limits)
    : limits_(limits), strangers_(limits.stranger_burst, limits.strangers_per_second) {}

std::vector<int> Admission::on_accepted(int connection, const std::string& host,
                                        std::int64_t now_us) {
  auto& made = connections_[connection];
  made = {host, now_us, false, false};
  auto& from = host_of(host, now_us);
  const bool is_in_time = from.limit.take(now_us) && (from.is_known || strangers_.take(now_us));
  std::size_t standing = 0, unproven = 0;
  auto oldest = connections_.end();
  for (auto other = connections_.begin(); other != connections_.end(); ++other) {
    if (other->second.is_turned_away) continue;
    ++standing;
    if (other->second.is_proven) continue;
    ++unproven;
    const bool is_older =
        oldest == connections_.end() || other->second.since_us < oldest->second.since_us;
    if (is_older && other->first != connection) oldest = other;
  }
  if (!is_in_time || (standing > limits_.connections && oldest == connections_.end())) {
    made.is_turned_away = true;
    return {connection};
  }
  if (unproven <= limits_.unproven && standing <= limits_.connections) return {};
  oldest->second.is_turned_away = true;
  return {oldest->first};
}

void Admission::on_proven(int connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  found->second.is_proven = true;
  const auto host = hosts_.find(found->second.host);
  if (host != hosts_.end()) host->second.is_known = true;
}

void Admission::on_host_known(const std::string& host, std::int64_t now_us) {
  host_of(host, now_us).is_known = true;
}

std::optional<Admission::Ended> Admission::on_ended(int connection, std::int64_t now_us) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return std::nullopt;
  const auto& was = found->second;
  Ended ended{was.host, now_us - was.since_us, was.is_proven, was.is_turned_away};
  connections_.erase(found);
  return ended;
}

Admission::Host& Admission::host_of(const std::string& name, std::int64_t now_us) {
  auto found = hosts_.find(name);
  if (found == hosts_.end()) {
    if (hosts_.size() >= limits_.hosts) {
      // Known ones last.
      hosts_.erase(std::ranges::min_element(hosts_, {}, [](const auto& entry) {
        return std::pair(entry.second.is_known, entry.second.seen_us);
      }));
    }
    found = hosts_.try_emplace(name, Host{RateLimit(limits_.burst, limits_.per_second)}).first;
  }
  found->second.seen_us = now_us;
  return found->second;
}

}  // namespace understudy
