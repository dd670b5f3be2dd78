// Denials: what was refused to whom, counted by kind, and told in the log at a bounded rate however
// many come.
//
// Any thread; cheap, and waits for nobody but another denial.
#pragma once

#include "common/core/rate_limit.h"
#include "common/logging/repeated_trouble.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

enum class Denial : std::uint8_t {
  unknown_key,       // a handshake with a key that the list does not have
  no_live,           // a handshake on the live port by a peer that may not follow
  wrong_server_key,  // a handshake with a node that has another key than this one
  garbage,           // what is no handshake
  given_up,        // a connection that ended before its handshake: a port scan, a node without keys
  too_slow,        // a handshake that did not come to an end in time
  too_many,        // connections at once, or within a second
  may_not_follow,  // a request of a peer without that right
  may_not_command,  // likewise
  other_name,       // the node calls itself otherwise than its key is called
  key_withdrawn,    // a request on a connection whose key is no longer in the list
};
constexpr std::size_t kDenialKinds = 11;
[[nodiscard]] std::string_view to_string(Denial kind);

class Denials {
 public:
  Denials() : lines_(kDenialKinds, RateLimit(kLinesAtOnce, 1)) {}
  using Counts = std::array<std::uint64_t, kDenialKinds>;  // by Denial

  // `who`: a name or an address, which together with the kind is one cause; `text`: for people.
  void note(Denial kind, const std::string& who, std::string_view text);
  // Since the start of the process.
  [[nodiscard]] Counts counts() const;

 private:
  static constexpr std::size_t kRemembered = 64;  // causes whose lines are spaced out
  static constexpr std::int64_t kLinesAtOnce = 5;
  static constexpr std::int64_t kLineEvery_s = 10;  // of a kind, after that

  std::array<std::atomic<std::uint64_t>, kDenialKinds> counts_{};
  std::mutex mutex_;  // guards what follows
  std::map<std::string, RepeatedTrouble> troubles_;
  std::vector<RateLimit> lines_;  // by Denial: a crowd of one kind does not hide the others
};

}  // namespace understudy
