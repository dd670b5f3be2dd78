#include "cli/running_nodes.h"

#include "common/core/errors.h"
#include "common/core/thread_subject.h"
#include "common/logging/log.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>

namespace understudy {
namespace {

// The keys whose values differ, parted by commas.
std::string changed_keys(const ConfigSettings& before, const ConfigSettings& after) {
  std::string keys;
  const auto note = [&keys](const std::string& key) { keys += (keys.empty() ? "" : ",") + key; };
  for (const auto& [key, setting] : before) {
    const auto found = after.find(key);
    const bool same = found != after.end() && found->second.values == setting.values &&
                      found->second.is_set == setting.is_set;
    if (!same) note(key);
  }
  for (const auto& [key, setting] : after) {
    if (!before.contains(key)) note(key);
  }
  return keys;
}

}  // namespace

RunningNodes::RunningNodes(std::string file, Config config)
    : file_(std::move(file)), config_(std::move(config)) {}

RunningNodes::~RunningNodes() = default;

RunningNodes::Running::Running(ConfiguredNode node, std::function<void()> given_up)
    : configured(std::move(node)), life(configured.command, std::move(given_up)) {}

void RunningNodes::begin(ConfiguredNode node) {
  auto& running = nodes_.emplace_back(std::move(node), [this] {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  });
  running.thread = start_thread([&life = running.life] {
    ::pthread_setname_np(::pthread_self(), "node");
    life.live();
  });
}

ExitCode RunningNodes::run() {
  std::unique_lock lock(mutex_);
  for (auto& node : config_.nodes) begin(std::move(node));
  changed_.wait(lock, [this] { return stopping_ || !is_any_left() || is_any_unguarded(); });
  stopping_ = true;  // no more begins
  lock.unlock();
  auto code = ExitCode::ok;
  for (auto& node : nodes_) node.life.stop();
  for (auto& node : nodes_) {
    node.thread.join();
    code = std::max(code, node.life.code());
  }
  return code;
}

bool RunningNodes::is_any_left() const {
  return std::ranges::any_of(nodes_, [](const auto& node) { return !node.life.is_given_up(); });
}

bool RunningNodes::is_any_unguarded() const {
  return std::ranges::any_of(nodes_, [](const auto& node) { return node.life.is_unguarded(); });
}

ServiceState RunningNodes::service_state() {
  const std::lock_guard lock(mutex_);
  ServiceState all;
  std::string well;
  bool is_any_up = false;
  bool is_any_awaited = false;
  for (const auto& node : nodes_) {
    const auto one = node.life.service_state();
    is_any_up = is_any_up || one.is_up;
    is_any_awaited = is_any_awaited || (!one.is_up && !one.is_left_out);
    const auto longest = one.longest_watchdog;
    const bool is_shorter = all.longest_watchdog.count() == 0 || longest < all.longest_watchdog;
    if (longest.count() != 0 && is_shorter) all.longest_watchdog = longest;
    auto& text = node.life.code() == ExitCode::ok ? well : all.text;
    text += (text.empty() ? "" : "; ") + one.text;
  }
  if (!all.text.empty() && !well.empty()) all.text += "; ";
  all.text += well;
  all.is_up = is_any_up && !is_any_awaited;
  return all;
}

void RunningNodes::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void RunningNodes::reload() {
  reload_keys();
  ReadConfig read;
  try {
    read = read_config(file_);
  } catch (const Error& error) {
    read.problems = {{{}, error.what()}};
  }
  if (!read.problems.empty()) {
    log::error("config_refused", to_line(file_, read.problems.front()),
               {{"problems", read.problems.size()}});
    return;
  }
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  compare_log(read.config);
  compare(std::move(read.config.nodes));
}

void RunningNodes::compare_log(const Config& config) const {
  if (config.log_level == config_.log_level && config.log_format == config_.log_format) return;
  log::warning("config_needs_restart", "changed in the file; counts from a restart on",
               {{"keys", "log"}});
}

// Whatever is wrong with the rest.
void RunningNodes::reload_keys() {
  const std::lock_guard lock(mutex_);
  for (auto& node : nodes_) {
    if (node.configured.command.options.has_files_to_reload()) node.life.reload_keys();
  }
}

void RunningNodes::compare(std::vector<ConfiguredNode> nodes) {
  std::vector<ConfiguredNode> added;
  std::vector<std::string> named;
  for (auto& node : nodes) {
    named.push_back(node.command.options.node.database);
    const auto known = std::ranges::find(nodes_, named.back(), [](const auto& each) {
      return each.configured.command.options.node.database;
    });
    if (known == nodes_.end()) {
      added.push_back(std::move(node));
    } else {
      compare_one(*known, std::move(node));
    }
  }
  for (const auto& running : nodes_) {
    if (std::ranges::find(named, running.configured.command.options.node.database) != named.end())
      continue;
    log::warning("config_needs_restart", "no longer in the file; it runs on until a restart",
                 {{"database", running.life.database()}});
  }
  for (auto& node : added) {
    log::info("config_added", "new in the file: begun",
              {{"database", node.command.options.node.database}});
    begin(std::move(node));
  }
  log::info("config_reread", file_, {{"databases", nodes.size()}, {"new", added.size()}});
}

void RunningNodes::compare_one(Running& running, ConfiguredNode node) {
  const auto keys = changed_keys(running.configured.settings, node.settings);
  if (running.life.begin_again(node.command)) {
    log::info("node_begun_again", "it was given up, or waited for its next try",
              {{"database", running.life.database()}, {"changed", keys}});
    running.configured = std::move(node);
  } else if (!keys.empty()) {
    log::warning("config_needs_restart", "changed in the file; counts from a restart on",
                 {{"database", running.life.database()}, {"keys", keys}});
  }
}

}  // namespace understudy
