#include "common/node/node.h"

#include "common/core/clock.h"
#include "common/logging/log.h"

#include <unistd.h>

#include <filesystem>

namespace understudy {
namespace {

StateDirectory make_directory(const NodeOptions& options) {
  StateDirectory directory(std::filesystem::absolute(
      options.state_dir.empty() ? StateDirectory::default_path(options.database)
                                : options.state_dir));
  directory.create();
  return directory;
}

}  // namespace

Node::Node(const NodeOptions& options)
    : directory_(make_directory(options)),
      database_(std::filesystem::absolute(options.database)),
      lock_(directory_),
      identity_(claim_identity(directory_, database_, options.role, options.name)),
      started_us_(monotonic_time_us()) {}

Node::~Node() = default;

void Node::run(Role& role) {
  {
    const std::lock_guard lock(mutex_);
    running_ = &role;
    if (stopping_) role.stop();
  }
  struct Leave {
    Node& node;
    ~Leave() {
      const std::lock_guard lock(node.mutex_);
      node.running_ = nullptr;
    }
  } leave{*this};
  const ControlServer control(directory_.control_socket(), *this);
  log::info("node_started", "understudy runs",
            {{"node", identity_.node},
             {"role", to_string(identity_.role)},
             {"database", database_},
             {"state_dir", directory_.path()},
             {"version", UNDERSTUDY_VERSION},
             {"pid", ::getpid()}});
  role.run();
  log::info("node_stopped", "stopped cleanly, position saved", {{"node", identity_.node}});
}

void Node::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (running_ != nullptr) running_->stop();
}

Status Node::status() const {
  const std::lock_guard lock(mutex_);
  Status status = running_ != nullptr ? running_->status() : Status{};
  status.node = identity_.node;
  status.role = identity_.role;
  status.database = database_;
  status.state_dir = directory_.path();
  status.version = UNDERSTUDY_VERSION;
  status.pid = ::getpid();
  status.uptime_seconds = static_cast<double>(monotonic_time_us() - started_us_) / 1e6;
  return status;
}

}  // namespace understudy
