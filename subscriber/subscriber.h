// Subscriber: the role of a standby's node. Puts the threads together: follow (the caller's), log,
// apply, and, when others are to be served, serve.
#pragma once

#include "common/backend/log_bytes.h"
#include "common/node/role.h"
#include "common/node/state_directory.h"
#include "common/serving/server.h"
#include "subscriber/follow_loop.h"
#include "subscriber/subscriber_options.h"

#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace understudy {

class Subscriber final : public Role {
 public:
  // `fence`: the write lock on the database, where this node has it already.
  Subscriber(SubscriberOptions options, const StateDirectory& directory,
             std::optional<wal::WriteFence> fence = {});
  ~Subscriber() override;

  void run() override;
  void stop() override;
  [[nodiscard]] Status status() const override;

  // Connects to that endpoint, one of options.from, now. Any thread.
  void prefer(const Endpoint& endpoint);
  // Null: there is no log yet, or it ended. Any thread.
  [[nodiscard]] std::shared_ptr<SnapshotKeeper> snapshots() const;
  // After run() returned: what a publisher needs to go on with the database; nullopt: it is not
  // whole. The log is closed then.
  [[nodiscard]] std::optional<ReplicaHandover> hand_over();

 private:
  void open();
  void on_log(const Intake::Done& done);
  void note_bytes(const Intake::Done& done);
  [[nodiscard]] std::uint64_t lag_bytes(const FollowStatus& follow, Seq applied) const;
  void serve(const Intake::Done& done);
  void keep_snapshots(const Intake::Done& done);
  void end_keeper();
  void start_server();
  void end_server();
  void run_guarded(const char* name, const std::function<void()>& body);
  void fail(std::exception_ptr failure);
  void end_threads();

  SubscriberOptions options_;
  const StateDirectory& directory_;
  std::optional<wal::WriteFence> fence_;
  std::unique_ptr<Progress> progress_;
  std::thread log_thread_;
  std::thread apply_thread_;

  // Made while status() and stop() may already be called: set under the mutex.
  mutable std::mutex mutex_;
  bool stopping_ = false;
  std::exception_ptr failure_;  // of another thread
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<Applier> applier_;
  std::unique_ptr<FollowLoop> follow_;
  LogBytes log_bytes_;
  std::shared_ptr<SnapshotKeeper> keeper_;  // it asks applier_
  std::unique_ptr<Server> server_;          // last: it asks applier_
};

}  // namespace understudy
