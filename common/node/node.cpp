#include "common/node/node.h"

#include "common/core/clock.h"
#include "common/core/failure_point.h"

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
      started_us_(monotonic_time_us()),
      identity_(claim_identity(directory_, database_, options.role, options.name)) {
  name_ = identity_.node;
}

Node::~Node() = default;

NodeIdentity Node::identity() const {
  const std::lock_guard lock(mutex_);
  return identity_;
}

void Node::record(const std::function<void(NodeIdentity&)>& change) {
  const std::lock_guard one(record_mutex_);
  // Roles put the stream on record by themselves (claim_stream()).
  auto record = load_identity(directory_).value_or(identity());
  change(record);
  failure_point("node_record");
  save_identity(directory_, record);
  const std::lock_guard lock(mutex_);
  identity_ = std::move(record);
}

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
  role.run();
}

void Node::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (running_ != nullptr) running_->stop();
}

bool Node::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Node::set_warnings(std::vector<std::string> warnings) {
  const std::lock_guard lock(mutex_);
  warnings_ = std::move(warnings);
}

void Node::set_addition(std::function<void(Status&)> addition) {
  const std::lock_guard lock(mutex_);
  addition_ = std::move(addition);
}

Status Node::status() const {
  const std::lock_guard lock(mutex_);
  Status status = running_ != nullptr ? running_->status() : Status{};
  status.node = name_;
  if (running_ == nullptr) status.role = identity_.role;
  status.warnings.insert(status.warnings.end(), warnings_.begin(), warnings_.end());
  addition_(status);
  status.database = database_;
  status.state_dir = directory_.path();
  status.version = UNDERSTUDY_VERSION;
  status.pid = ::getpid();
  status.uptime_seconds = static_cast<double>(monotonic_time_us() - started_us_) / 1e6;
  return status;
}

}  // namespace understudy
