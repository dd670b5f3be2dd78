// What a command says of the logs that it was given.
#pragma once

#include "replay/log_chain.h"

namespace understudy {

// On standard error: records that do not count, because no later primary has them.
void describe_left_out(const LogChain& chain);

}  // namespace understudy
