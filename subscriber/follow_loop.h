// FollowLoop: the standby's follow thread. Drives the Follower (which decides) with what comes from
// the sockets, the clock and the other threads, and carries out what it decides. Nothing is
// decided here.
#pragma once

#include "common/logging/repeated_trouble.h"
#include "common/metering/meters.h"
#include "common/serving/peers.h"
#include "common/transport/endpoint.h"
#include "common/transport/sockets.h"
#include "subscriber/applied_page.h"
#include "subscriber/applier.h"
#include "subscriber/follower.h"
#include "subscriber/intake.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

namespace understudy {

// What the follow thread knows, for status.
struct FollowStatus {
  StandbyState state = StandbyState::connecting;
  StreamId stream;
  Seq received = 0;
  Position durable;
  std::optional<Position> applied;
  std::optional<Position> server_last;
  std::optional<Position> known_last;  // see Follower
  std::string server_name;
  std::string trouble;       // why there is no connection; empty: none is known
  std::size_t endpoint = 0;  // that it is connected with, or tries to be
  double lag_seconds = 0;
};

class FollowLoop {
 public:
  // `claim`: called once the stream is known, before anything is written for it; throws when the
  // node belongs to another one. `page_path`: see AppliedPage.
  FollowLoop(FollowerStart start, std::vector<Endpoint> endpoints, Intake& intake, Applier& applier,
             std::function<void(const StreamId&)> claim, const std::string& page_path,
             std::shared_ptr<Security> security, std::shared_ptr<Meters> meters);

  void run();   // until stop(), or throws ConfigError when only a person can help
  void stop();  // any thread
  // An event from another thread, for the Follower.
  void post(std::function<void(Follower&)> event);
  [[nodiscard]] FollowStatus status() const;  // any thread

 private:
  void take_posts();
  void take_messages();
  void carry_out(std::vector<follow::Action> actions);
  void append_run();
  void acknowledge_appended();
  void carry_out(follow::Connect& connect);
  void carry_out(follow::Resubscribe&);
  void carry_out(follow::SendMessage& send);
  void carry_out(follow::Append& append);
  void carry_out(follow::DropOpenTail& drop);
  void carry_out(follow::RewindLog& rewind);
  void carry_out(follow::ResetLog& reset);
  void carry_out(follow::BeginResync& begin);
  void carry_out(follow::HashGroup& group);
  void carry_out(follow::StoreGroup& group);
  void carry_out(follow::FinishResync& finish);
  void carry_out(follow::Report& report);
  void carry_out(follow::Stop& stop);
  void wait();
  void note_trouble();
  void publish_status();

  Follower follower_;
  std::vector<Endpoint> endpoints_;
  Intake& intake_;
  Applier& applier_;
  std::function<void(const StreamId&)> claim_;
  Network network_;
  std::optional<ClientSockets> sockets_;
  Wake wake_;
  LagClock lag_;
  AppliedPage page_;
  const std::shared_ptr<Meters> meters_;
  std::vector<follow::Append> run_;  // appends in a row share an fsync
  // Ticket and bounds of what was appended on this thread, and is not acknowledged yet.
  std::optional<std::pair<std::uint64_t, LogBounds>> appended_;
  std::int64_t last_contact_us_ = 0;
  std::string trouble_;  // since the last contact
  RepeatedTrouble repeated_;
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::function<void(Follower&)>> posts_;
  FollowStatus status_;
};

}  // namespace understudy
