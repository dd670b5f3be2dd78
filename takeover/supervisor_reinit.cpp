// The command `reinit`: a standby begins anew.
#include "common/logging/log.h"
#include "common/orphans/move_log_aside.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

#include <filesystem>

namespace understudy {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kPeerAnswer{5000};

}  // namespace

CommandResult Supervisor::reinit(const std::string& node) {
  if (node.empty() || node == node_.name()) return begin_anew();
  const auto endpoint = links_ ? links_->endpoint_of(node) : std::nullopt;
  if (!endpoint) return refused(fmt::format("no node {} answers among the peers", node));
  message::Command command;
  command.kind = CommandKind::reinit;
  command.to = node;
  const auto outcome = links_->send_command(*endpoint, std::move(command), kPeerAnswer);
  if (outcome.kind != CommandOutcome::Kind::answered) {
    return failed(fmt::format("{} does not answer; see its status", node));
  }
  return outcome.reply.ok ? done(outcome.reply.text) : refused(outcome.reply.text);
}

// Any thread; the role ends by itself.
CommandResult Supervisor::begin_anew() {
  const std::lock_guard lock(mutex_);
  if (subscriber_ == nullptr || is_promoting_) {
    return {CommandResult::Outcome::refused,
            publisher_ != nullptr ? "it is the primary: move that first (understudy switchover)"
                                  : "its role is changing; try again",
            {},
            {}};
  }
  plan_ = {Plan::Kind::begin_anew, "reinit", 0};
  subscriber_->stop();
  return {CommandResult::Outcome::done,
          fmt::format("{} puts its log aside and fetches its database anew", node_.name()),
          {},
          {}};
}

// Main thread, with no role running.
Supervisor::Step Supervisor::put_log_aside() {
  // First: what it confirmed under its name is not in the log that comes, wherever this ends.
  ++copies_;
  node_.record([](NodeIdentity& identity) { identity.copied = true; });
  Position last;
  if (sqlite_backend_exists(node_.directory().backend())) {
    last = open_sqlite_log_reader(node_.directory().backend())->bounds().last;
    // What it has that no other one has is somebody's: it is kept, never dropped in silence.
    const auto kept =
        move_log_aside(node_.directory().backend(), last, node_.directory().path() + "/orphans",
                       [this] { return node_.is_stopping(); });
    if (!kept) return Step::end;
    log::warning("begins_anew", "its log is kept, and its database fetched again",
                 {{"file", *kept}, {"last", last.to_string()}});
  }
  for (const auto& path : {node_.directory().applied(), node_.directory().page_hashes(),
                           node_.directory().resync_stage()}) {
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  learn_history();
  return Step::follow;
}

}  // namespace understudy
