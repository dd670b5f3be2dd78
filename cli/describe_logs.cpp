#include "cli/describe_logs.h"

#include <fmt/format.h>

namespace understudy {

void describe_left_out(const LogChain& chain) {
  for (const auto& tail : chain.superseded()) {
    fmt::print(stderr,
               "understudy: {} has transactions {} to {} that no later primary has; they are left "
               "out\n",
               tail.source, tail.shared + 1, tail.last.seq);
  }
}

}  // namespace understudy
