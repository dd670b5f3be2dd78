// ClusterHandler: who speaks for this node when others of its cluster ask or tell (Probe, Command).
//
// Called on the serve thread of whichever role serves; nodes ask before any Hello, so what comes
// may be from anybody who can connect. The methods must be cheap and must not block: work is handed
// over to another thread. The Server bounds how often they are called.
#pragma once

#include "common/transport/message.h"

#include <functional>

namespace understudy {

class ClusterHandler {
 public:
  using Reply = std::function<void(message::CommandReply)>;

  virtual ~ClusterHandler() = default;
  // This node, now.
  [[nodiscard]] virtual PeerReport report() = 0;
  // Another node came and told of itself.
  virtual void on_report(const PeerReport& report) = 0;
  // `reply` may be called later, on any thread, once; the ids in it are set by the Server. When all
  // copies of it are gone uncalled, the asker is told that there was no answer.
  virtual void on_command(const message::Command& command, Reply reply) = 0;
};

}  // namespace understudy
