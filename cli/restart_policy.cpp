#include "cli/restart_policy.h"

#include <algorithm>
#include <utility>

namespace understudy {

std::optional<std::chrono::milliseconds> RestartPolicy::after(ExitCode code,
                                                              std::chrono::milliseconds ran) {
  if (code != ExitCode::environment) return std::nullopt;
  if (ran >= kLongestPause) next_ = kFirstPause;  // it had been well
  const auto longer = std::min(2 * next_, kLongestPause);
  return std::exchange(next_, longer);
}

}  // namespace understudy
