// Server: who may ask for what, by the key that they showed.
#include "common/serving/server.h"

#include <fmt/format.h>

namespace understudy {
namespace {

// The node that the sender says it is; empty: it does not say.
std::string_view name_in(const Message& message) {
  if (const auto* hello = std::get_if<message::Hello>(&message)) return hello->node;
  if (const auto* probe = std::get_if<message::Probe>(&message)) return probe->report.node;
  return {};
}

std::string explain(Denial denial, const std::string& peer, std::string_view node,
                    std::string_view here) {
  switch (denial) {
    case Denial::other_name:
      return fmt::format(
          "the key is that of {} in the --peer-keys of {}, but the node calls itself {}: give it "
          "--node {}, or correct the name",
          peer, here, node, peer);
    case Denial::may_not_command:
      return fmt::format("{} may not command {}: \"command\" is not in its rights there", peer,
                         here);
    case Denial::key_withdrawn:
      return fmt::format("the key {} is no longer in the --peer-keys of {}", peer, here);
    default:
      return fmt::format("{} may not follow {}: \"follow\" is not in its rights there", peer, here);
  }
}

}  // namespace

bool Server::is_allowed(const ServerSockets::Request& request, const Message& message) {
  if (security_->is_open()) return true;
  std::optional<Denial> denial;
  if (std::holds_alternative<message::Command>(message)) {
    denial = security_->judge(request.key, Right::command);
  } else if (std::holds_alternative<message::Probe>(message)) {
    denial = security_->judge_name(request.key, name_in(message));
  } else {
    denial = security_->judge(request.key, Right::follow);
    if (!denial && !name_in(message).empty()) {
      denial = security_->judge_name(request.key, name_in(message));
    }
  }
  if (!denial) return true;
  refuse(request, message, *denial);
  return false;
}

void Server::refuse(const ServerSockets::Request& request, const Message& message, Denial denial) {
  const auto peer = security_->name_of(request.key);
  const auto text = explain(denial, peer, name_in(message), log_.node);
  security_->denials().note(denial, peer, text);
  if (!refusal_limit_.take(now_us_)) return;
  if (const auto* command = std::get_if<message::Command>(&message)) {
    return send_to(request.identity, message::CommandReply{command->command_id, false, text});
  }
  send_to(request.identity, message::Refused{RefusalCode::not_allowed, text});
}

// A subscription that stands is not asked for again: so all of them end, and whoever may still
// follow is back within a moment. What was granted to a session, too, was granted by the old list.
void Server::heed_withdrawals() {
  const auto now = security_->withdrawals();
  if (std::exchange(withdrawals_, now) == now) return;
  live_.reopen();
  peers_.remove_all();
  outboxes_.remove_all();
}

}  // namespace understudy
