// RestartPolicy: what is begun again, and after which pause.
#include "cli/restart_policy.h"

#include <doctest/doctest.h>

namespace understudy {
namespace {

using std::chrono::milliseconds;

TEST_CASE("RestartPolicy: pauses double, up to a minute, and begin anew after a good minute") {
  RestartPolicy policy;
  for (const int expected : {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000}) {
    CHECK(policy.after(ExitCode::environment, milliseconds(5)) == milliseconds(expected));
  }
  CHECK(policy.after(ExitCode::environment, milliseconds(60'000)) == milliseconds(1000));
  CHECK(policy.after(ExitCode::environment, milliseconds(59'999)) == milliseconds(2000));
}

TEST_CASE("RestartPolicy: what restarting does not mend is not begun again") {
  RestartPolicy policy;
  CHECK(policy.after(ExitCode::usage, milliseconds(0)) == std::nullopt);
  CHECK(policy.after(ExitCode::corruption, milliseconds(100'000)) == std::nullopt);
  CHECK(policy.after(ExitCode::environment, milliseconds(0)) == milliseconds(1000));
}

}  // namespace
}  // namespace understudy
