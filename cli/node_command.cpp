#include "cli/commands.h"
#include "cli/prepare_node.h"
#include "cli/run_node.h"

namespace understudy {

ExitCode run(const NodeCommand& command) {
  return run_node(prepare_node(command));
}

}  // namespace understudy
