#include "cli/node_life.h"

#include "cli/prepare_node.h"
#include "cli/restart_policy.h"
#include "common/core/clock.h"
#include "common/core/thread_subject.h"
#include "common/logging/log.h"
#include "lease/lease_rules.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

#include <filesystem>

namespace understudy {
namespace {

void warn_of_open_port(const std::optional<Endpoint>& listen, const Security& security) {
  if (!listen || listen->is_loopback() || !security.is_open()) return;
  log::warning("insecure_listen", "anybody who reaches this address can read the database",
               {{"listen", listen->to_string()}});
}

// What `systemctl status` shows of a node: "db1: primary, publishing, position 3/1207/9f…".
std::string line_for_service(const Status& status) {
  return fmt::format("{}: {}, {}, position {}", status.node, to_string(status.role),
                     to_string(status.state), status.position.to_string());
}

std::chrono::microseconds longest_watchdog(const std::optional<LeaseOptions>& lease) {
  if (!lease) return {};
  LeaseRules rules;
  rules.ttl_us = lease->ttl_us;
  return std::chrono::microseconds(rules.watchdog());
}

}  // namespace

NodeLife::NodeLife(NodeCommand command, std::function<void()> given_up)
    : database_(std::filesystem::absolute(command.options.node.database).lexically_normal()),
      given_up_(std::move(given_up)),
      command_(std::move(command)) {}

NodeLife::~NodeLife() = default;

void NodeLife::run_once() {
  NodeCommand command;
  {
    const std::lock_guard lock(mutex_);
    command = command_;
  }
  auto options = prepare_node(command);
  const auto listen = options.follow.listen;
  Supervisor supervisor(std::move(options));
  if (!show(&supervisor)) return;
  warn_of_open_port(listen, supervisor.security());
  try {
    supervisor.run();
  } catch (...) {
    (void)show(nullptr);
    const std::lock_guard lock(mutex_);
    is_unguarded_ = supervisor.has_let_write();
    throw;
  }
  (void)show(nullptr);
}

bool NodeLife::show(Supervisor* supervisor) {
  const std::lock_guard lock(mutex_);
  supervisor_ = stopping_ ? nullptr : supervisor;
  if (supervisor_ != nullptr) code_ = ExitCode::ok;  // it runs again
  return !stopping_;
}

std::optional<ExitCode> NodeLife::try_once() {
  try {
    run_once();
    return std::nullopt;
  } catch (const std::exception& error) {
    const auto code = exit_code_of(error);
    log::error("node_failed", error.what(), {{"exit_code", static_cast<int>(code)}});
    const std::lock_guard lock(mutex_);
    code_ = code;
    trouble_ = error.what();
    ++failed_tries_;
    return code;
  }
}

void NodeLife::live() {
  const ThreadSubject of(std::make_shared<const std::string>(database_));
  RestartPolicy policy;
  for (;;) {
    const auto began_us = monotonic_time_us();
    const auto failed = try_once();
    const auto ran = std::chrono::milliseconds((monotonic_time_us() - began_us) / 1000);
    {
      const std::lock_guard lock(mutex_);
      if (!failed) code_ = ExitCode::ok;
      if (!failed || stopping_) return;
    }
    if (is_unguarded()) {
      log::error(
          "node_unguarded",
          "it led by its lease, and nobody fences its application now: this process ends, and "
          "who is bound to it with it");
      return given_up_();
    }
    {
      const std::lock_guard lock(mutex_);
      if (ran >= RestartPolicy::kLongestPause) failed_tries_ = 1;  // it had been well
    }
    if (const auto pause = policy.after(*failed, ran)) {
      log::info("node_restarts", "it is begun again", {{"in_ms", pause->count()}});
      wait_for(*pause);
    } else {
      log::error("node_given_up",
                 "it is not begun again by itself; the others go on. SIGHUP begins it anew");
      wait_for_somebody();
      policy = {};
    }
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
  }
}

void NodeLife::wait_for(std::chrono::milliseconds pause) {
  std::unique_lock lock(mutex_);
  is_pausing_ = true;
  changed_.wait_for(lock, pause, [this] { return stopping_ || !is_pausing_; });
  is_pausing_ = false;
}

void NodeLife::wait_for_somebody() {
  {
    const std::lock_guard lock(mutex_);
    is_given_up_ = true;
  }
  given_up_();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !is_given_up_; });
}

void NodeLife::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (supervisor_) supervisor_->stop();
  changed_.notify_all();
}

void NodeLife::reload_keys() {
  const std::lock_guard lock(mutex_);
  if (supervisor_ != nullptr) supervisor_->reload_keys();
}

bool NodeLife::begin_again(NodeCommand command) {
  const std::lock_guard lock(mutex_);
  if (!is_given_up_ && !is_pausing_) return false;
  command_ = std::move(command);
  is_given_up_ = is_pausing_ = false;
  failed_tries_ = 0;
  changed_.notify_all();
  return true;
}

bool NodeLife::is_unguarded() const {
  const std::lock_guard lock(mutex_);
  return is_unguarded_;
}

bool NodeLife::is_given_up() const {
  const std::lock_guard lock(mutex_);
  return is_given_up_;
}

ServiceState NodeLife::service_state() const {
  const std::lock_guard lock(mutex_);
  const auto longest = longest_watchdog(command_.options.lease);
  // What is tried again may yet find its role; what is given up, or fails again and again, is not
  // waited for.
  const bool is_left_out = is_given_up_ || failed_tries_ >= kTriesWaitedFor;
  if (supervisor_ != nullptr)
    return {supervisor_->is_up(), is_left_out, line_for_service(supervisor_->status()), longest};
  if (code_ == ExitCode::ok)
    return {false, is_left_out, fmt::format("{} starts", database_), longest};
  return {false, is_left_out, fmt::format("{} FAILED: {}", database_, trouble_), longest};
}

ExitCode NodeLife::code() const {
  const std::lock_guard lock(mutex_);
  return code_;
}

}  // namespace understudy
