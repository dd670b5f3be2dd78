// RestartPolicy: is a node that failed begun again, and when? Pure: the caller brings the time.
//
// What lies in the environment may pass: the node is begun again after a pause that doubles. What
// was asked for cannot be, or files are damaged: that ends with somebody who looks at it.
#pragma once

#include "cli/exit_code.h"

#include <chrono>
#include <optional>

namespace understudy {

class RestartPolicy {
 public:
  static constexpr std::chrono::milliseconds kFirstPause{1000};
  static constexpr std::chrono::milliseconds kLongestPause{60'000};

  // It failed like this after it had run for so long. nullopt: it is not begun again by itself.
  std::optional<std::chrono::milliseconds> after(ExitCode code, std::chrono::milliseconds ran);

 private:
  std::chrono::milliseconds next_{kFirstPause};
};

}  // namespace understudy
