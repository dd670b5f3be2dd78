// Outboxes: what standbys were to be sent and their connections did not take yet.
//
// Question answered: how can a standby that asks and does not read be kept from filling our memory?
// A connection takes SocketOptions::answer_queue messages and what the kernel buffers. From then on
// it is stalled: what comes out of its session waits here, and the server makes nothing new for it,
// neither batches nor page answers, until all has gone.
//
// Invariant: per connection at most kKept messages wait here (what is beyond is dropped: the
// protocol asks again) and kPagesOutstanding questions for pages.
//
// One thread (serve).
#pragma once

#include "common/serving/peer_session.h"
#include "common/transport/sockets.h"

#include <deque>
#include <map>
#include <vector>

namespace understudy {

class Outboxes {
 public:
  explicit Outboxes(ServerSockets& sockets) : sockets_(sockets) {}

  // Now, or later and in order. False: the connection is gone.
  [[nodiscard]] bool send(const Bytes& identity, Bytes message);
  [[nodiscard]] bool is_stalled(const Bytes& identity) const { return boxes_.contains(identity); }
  // A question that is to be put when the connection has taken what waits. Requires is_stalled().
  void put_off(const Bytes& identity, PeerSession::AskPages question);

  // Tries again. Calls ask(identity, question) for the questions of those that are free again, and
  // gone(identity) for connections that are no more.
  template <typename Ask, typename Gone>
  void retry(Ask&& ask, Gone&& gone);
  void remove(const Bytes& identity) { boxes_.erase(identity); }
  void remove_all() { boxes_.clear(); }
  // Forgets what is large and was for somebody who is no longer known.
  template <typename IsKnown>
  void keep_only(IsKnown&& is_known) {
    std::erase_if(boxes_, [&](const auto& entry) {
      return entry.second.bytes > kStrangerBytes && !is_known(entry.first);
    });
  }
  [[nodiscard]] bool empty() const { return boxes_.empty(); }

 private:
  static constexpr std::size_t kKept = 64;
  static constexpr std::size_t kBoxes = 256;  // connections without a session may be many
  static constexpr std::size_t kStrangerBytes = 64 * 1024;
  struct Box {
    std::deque<Bytes> messages;
    std::size_t bytes = 0;  // of all that was put into it
    std::deque<PeerSession::AskPages> questions;
    void put(Bytes message);
  };
  // What became of the first messages that could be sent.
  [[nodiscard]] ServerSockets::Sent empty_out(const Bytes& identity, Box& box);

  ServerSockets& sockets_;
  std::map<Bytes, Box> boxes_;
};

template <typename Ask, typename Gone>
void Outboxes::retry(Ask&& ask, Gone&& gone) {
  for (auto box = boxes_.begin(); box != boxes_.end();) {
    const auto sent = empty_out(box->first, box->second);
    if (sent == ServerSockets::Sent::full) {
      ++box;
      continue;
    }
    const auto freed = boxes_.extract(box++);
    if (sent == ServerSockets::Sent::gone) {
      gone(freed.key());
    } else {
      for (auto& question : freed.mapped().questions) ask(freed.key(), std::move(question));
    }
  }
}

}  // namespace understudy
