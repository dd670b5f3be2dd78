// Resync: how far the exchange of pages with the server has come. Part of Follower.
#pragma once

#include "common/serving/page_source.h"

#include <map>

namespace understudy {

constexpr std::size_t kGroupsOutstanding = 8;
constexpr std::int64_t kGroupRetry_us = 200'000;     // after "not now"
constexpr std::int64_t kGroupLimit_us = 10'000'000;  // without an answer: ask again
constexpr std::int64_t kOutlineLimit_us = 5'000'000;

// What becomes of the standby's own log in a resync.
enum class ResyncLog : std::uint8_t {
  keep,                // it connects with the server's
  reset,               // it is too old, or there is none
  reset_keep_orphans,  // it diverged
};

struct ResyncGroup {
  enum class Phase : std::uint8_t { hashing, asking, waiting, storing };
  PageNo count = 0;
  Phase phase = Phase::hashing;
  std::uint64_t request_id = 0;  // while asking
  std::vector<PageHash> known;   // kept, so that it can be asked again
  std::int64_t retry_at = 0;     // while asking or waiting
};

struct Resync {
  enum class Phase : std::uint8_t { draining, outline, staging, finishing };
  Phase phase = Phase::draining;
  ResyncLog log = ResyncLog::keep;
  std::string reason;
  std::int64_t retry_at = 0;  // outline
  StateOutline outline;
  PageNo group_pages = 0;
  PageNo next_first = 1;                 // first page that no group was opened for yet
  std::map<PageNo, ResyncGroup> groups;  // opened and not stored yet, by first page
  Seq max_as_of = 0;
  bool finish_asked = false;

  [[nodiscard]] std::int64_t next_deadline_us() const;
};

}  // namespace understudy
