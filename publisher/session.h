// Session: one attempt at publishing, from opening the files to the end. When something passes by
// that may heal (a stalled log, a broken chain, a replaced file), it ends by an exception, and
// the Publisher begins a new one: recovery and start are the same code.
//
// Threads: the caller's is the capture thread; log, upkeep and serve are its own.
#pragma once

#include "common/backend/upkeep_thread.h"
#include "common/logging/progress.h"
#include "common/node/state_directory.h"
#include "common/node/status.h"
#include "common/serving/server.h"
#include "publisher/capture.h"
#include "publisher/publisher_options.h"

#include <exception>
#include <thread>

namespace understudy {

class Session {
 public:
  // `serves`: else it only brings what is committed into the log.
  Session(const PublisherOptions& options, const StateDirectory& directory, bool serves,
          Progress& progress);
  ~Session();

  void run();   // until stop(), or throws
  void stop();  // any thread
  // See Publisher.
  [[nodiscard]] std::optional<Position> drain(std::chrono::milliseconds patience);
  void stop_serving();
  // Null: not running (any more).
  [[nodiscard]] std::shared_ptr<SnapshotKeeper> snapshots() const;  // any thread
  void add_to(Status& status) const;                                // any thread

 private:
  [[nodiscard]] CaptureStart recover();
  [[nodiscard]] CaptureStart begin_new_stream();
  bool create_backend();
  void start_threads();
  [[nodiscard]] std::shared_ptr<SnapshotKeeper> make_keeper();
  [[nodiscard]] std::unique_ptr<Server> make_server(const LogWriter& log, SyncCommits& commits);
  void capture();
  void run_log();
  void on_durable(const LogBounds& bounds, std::span<const BatchView> batches);
  void fail(std::exception_ptr failure);
  void rethrow_failure();
  void end_threads();

  const PublisherOptions& options_;
  const StateDirectory& directory_;
  const bool serves_;
  Progress& progress_;
  StreamId stream_;
  PartQueue queue_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<wal::RawDatabase> database_;
  std::unique_ptr<UpkeepThread> upkeep_;
  std::thread log_thread_;

  std::mutex serving_ends_;

  // Made while status() and stop() may already be called: set under the mutex.
  mutable std::mutex mutex_;
  bool stopping_ = false;
  std::exception_ptr failure_;  // of another thread
  std::unique_ptr<Capture> capture_;
  std::unique_ptr<SyncCommits> commits_;
  std::shared_ptr<SnapshotKeeper> keeper_;  // it asks capture_; null: nobody is served
  std::unique_ptr<LogWriter> log_;
  std::shared_ptr<Server> server_;  // last: it asks capture_; null: nobody is served (any more)
};

}  // namespace understudy
