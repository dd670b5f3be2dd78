#include "cli/stopped_status.h"

#include "common/file/file.h"
#include "common/node/control_client.h"

namespace understudy {

Status ask_status(const FoundNode& node) {
  if (auto running = ControlClient(node.directory.control_socket()).status()) return *running;
  return stopped_status(node);
}

Status stopped_status(const FoundNode& node) {
  Status status;
  status.node = node.identity.node;
  status.role = node.identity.role;
  status.state = NodeState::stopped;
  status.stream_id = node.identity.stream;
  status.database = node.database;
  status.state_dir = node.directory.path();
  status.version = UNDERSTUDY_VERSION;
  if (!File::exists(node.directory.backend())) return status;
  const auto bounds = open_sqlite_log_reader(node.directory.backend())->bounds();
  status.position = bounds.last;
  status.backend = BackendStatus{bounds.first_seq(), bounds.last.seq, bounds.bytes};
  return status;
}

}  // namespace understudy
