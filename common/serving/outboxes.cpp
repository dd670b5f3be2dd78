#include "common/serving/outboxes.h"

#include "common/core/assert.h"

#include <utility>

namespace understudy {

bool Outboxes::send(const Bytes& identity, Bytes message) {
  const auto box = boxes_.find(identity);
  if (box == boxes_.end()) {
    const auto sent = sockets_.send(identity, message);
    if (sent != ServerSockets::Sent::full) return sent == ServerSockets::Sent::sent;
    if (boxes_.size() < kBoxes) boxes_[identity].put(std::move(message));
  } else if (box->second.messages.size() < kKept) {
    box->second.put(std::move(message));
  }
  return true;
}

void Outboxes::Box::put(Bytes message) {
  bytes += message.size();
  messages.push_back(std::move(message));
}

void Outboxes::put_off(const Bytes& identity, PeerSession::AskPages question) {
  US_ASSERT(is_stalled(identity), "nothing would ever put this question");
  auto& questions = boxes_.at(identity).questions;
  // More can only be when the standby began anew meanwhile: then nobody waits for the oldest.
  if (questions.size() == kPagesOutstanding) questions.pop_front();
  questions.push_back(std::move(question));
}

ServerSockets::Sent Outboxes::empty_out(const Bytes& identity, Box& box) {
  while (!box.messages.empty()) {
    const auto sent = sockets_.send(identity, box.messages.front());
    if (sent != ServerSockets::Sent::sent) return sent;
    box.messages.pop_front();
  }
  return ServerSockets::Sent::sent;
}

}  // namespace understudy
