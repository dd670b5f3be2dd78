// Publisher: the role of a primary's node. Runs one Session after another until it is stopped; what
// may heal by itself (a full disk, a broken chain, a replaced file) is said, waited out and
// repaired.
#pragma once

#include "common/logging/repeated_trouble.h"
#include "common/node/role.h"
#include "common/node/state_directory.h"
#include "publisher/session.h"

#include <condition_variable>
#include <memory>
#include <mutex>

namespace understudy {

class Publisher final : public Role {
 public:
  Publisher(PublisherOptions options, const StateDirectory& directory);
  ~Publisher() override;

  void run() override;
  void stop() override;
  [[nodiscard]] Status status() const override;

  // With the application fenced by the caller: waits until all that it committed is durable in the
  // log, and tells where that ends. nullopt: not in time. Any thread.
  [[nodiscard]] std::optional<Position> drain(std::chrono::milliseconds patience);
  // Nobody is sent anything any more; capture and log go on. Any thread.
  void stop_serving();
  // Null: it is starting, or ended. Any thread.
  [[nodiscard]] std::shared_ptr<SnapshotKeeper> snapshots() const;

 private:
  void stand_back() const;
  [[nodiscard]] bool run_session();
  void wait_before_retry();

  PublisherOptions options_;
  const StateDirectory& directory_;
  std::unique_ptr<Progress> progress_;
  RepeatedTrouble trouble_;
  bool was_interrupted_ = false;  // a session of this run ended by something that may heal

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable stopped_;
  bool stopping_ = false;
  bool serves_;
  std::shared_ptr<Session> session_;
  std::string last_error_;
};

}  // namespace understudy
