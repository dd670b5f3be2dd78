// Server: what nodes of the cluster ask and tell, without being standbys of this one.
#include "common/core/clock.h"
#include "common/serving/server.h"

#include <utility>

namespace understudy {

// One command under way. Its last copy answers for it when nobody did.
class Server::CommandTicket {
 public:
  CommandTicket(std::shared_ptr<Mailbox> box, Bytes identity, std::uint64_t command_id)
      : box_(std::move(box)), identity_(std::move(identity)), command_id_(command_id) {}
  ~CommandTicket() { answer({0, false, "the node gave no answer"}); }
  CommandTicket(const CommandTicket&) = delete;
  CommandTicket& operator=(const CommandTicket&) = delete;

  void answer(message::CommandReply reply) {
    reply.command_id = command_id_;
    if (reply.text.size() > kTextLimit) reply.text.resize(kTextLimit);
    {
      const std::lock_guard lock(box_->mutex);
      if (std::exchange(is_answered_, true)) return;
      box_->replies.push_back({std::move(identity_), std::move(reply)});
    }
    box_->wake.wake();
  }

 private:
  const std::shared_ptr<Mailbox> box_;
  Bytes identity_;
  const std::uint64_t command_id_;
  bool is_answered_ = false;  // guarded by the mailbox's mutex
};

// What comes too fast is dropped: whoever probes does so again.
void Server::take_probe(const ServerSockets::Request& request, const message::Probe& probe) {
  if (!probe_limit_.take(now_us_)) return;
  if (options_.cluster == nullptr) {
    return send_to(request.identity,
                   message::Refused{RefusalCode::bad_request, "this node is in no cluster"});
  }
  // Who may not lead could only mislead: it is told, and not listened to.
  if (security_->is_heard(request.key, probe.report.node)) {
    options_.cluster->on_report(probe.report);
  }
  send_to(request.identity, message::ProbeReply{probe.probe_id, options_.cluster->report()});
}

void Server::take_command(const Bytes& identity, const message::Command& command) {
  if (options_.cluster == nullptr) {
    return send_to(identity, message::CommandReply{command.command_id, false,
                                                   "this node is in no cluster (--peers)"});
  }
  if (commands_under_way_ >= kCommandsUnderWay || !command_limit_.take(now_us_)) {
    return send_to(identity, message::CommandReply{command.command_id, false,
                                                   "too many commands at once; try again"});
  }
  ++commands_under_way_;
  auto ticket = std::make_shared<CommandTicket>(mailbox_, identity, command.command_id);
  options_.cluster->on_command(
      command, [ticket](message::CommandReply reply) { ticket->answer(std::move(reply)); });
}

void Server::take_replies() {
  std::vector<Reply> replies;
  {
    const std::lock_guard lock(mailbox_->mutex);
    replies.swap(mailbox_->replies);
  }
  for (auto& [identity, reply] : replies) {
    --commands_under_way_;
    send_to(identity, reply);
    replied_at_us_ = monotonic_time_us();
  }
}

}  // namespace understudy
