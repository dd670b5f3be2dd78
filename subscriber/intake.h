// Intake: the standby's log thread. Carries out what the Follower wants done to the log, in order:
// append batches as they were received, drop an open tail, begin anew. Reports a ticket done only
// when its work is fsynced (invariant 3). Owns the Backend for writing; creates it when the
// Follower first resets a log that does not exist.
//
// What is queued is bounded by the Follower's window (kWindow): a slow disk slows the network.
#pragma once

#include "common/backend/backend.h"
#include "common/backend/upkeep_thread.h"
#include "subscriber/follower.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace understudy {

class Intake {
 public:
  using Work = std::variant<follow::Append, follow::DropOpenTail, follow::ResetLog>;
  // Called on the log thread once everything up to `ticket` is durable. `batches`: those that
  // became so. `rewound`: parts were taken back (tail dropped, log begun anew).
  using OnDone = std::function<void(std::uint64_t ticket, const LogBounds& bounds,
                                    std::span<const BatchView> batches, bool rewound)>;

  struct Options {
    std::string backend_path;
    std::string orphans_folder;  // where a diverged log is put aside
    RetentionPolicy retention;
    std::function<Seq()> keep_after;  // nothing beyond it is trimmed; called on the log thread
  };

  // Opens the log when there is one, its open tail dropped.
  Intake(Options options, OnDone on_done);

  void run();            // until stop(); waits out a full disk; throws when anything else fails
  void stop();           // any thread
  void push(Work work);  // any thread

  // nullopt: there is no log yet. Any thread.
  [[nodiscard]] std::optional<LogBounds> bounds() const;
  [[nodiscard]] StreamId stream() const;
  [[nodiscard]] bool is_disk_full() const { return disk_full_; }
  [[nodiscard]] std::unique_ptr<LogReader> open_reader() const;  // requires bounds()

 private:
  [[nodiscard]] std::deque<Work> take();
  void carry_out(std::deque<Work>& work);
  void append_run(std::deque<Work>& work);
  void drop_open_tail(const follow::DropOpenTail& drop);
  void reset(const follow::ResetLog& reset);
  void put_aside();
  void append_durably(std::span<const BatchView> views);
  void do_upkeep();
  void set_bounds();
  [[nodiscard]] bool is_stopping() const;

  Options options_;
  OnDone on_done_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<UpkeepThread> upkeep_;
  std::atomic<bool> disk_full_{false};
  std::int64_t last_upkeep_us_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable filled_;
  std::deque<Work> queued_;
  std::optional<LogBounds> bounds_;
  StreamId stream_;
  bool stopping_ = false;
};

}  // namespace understudy
