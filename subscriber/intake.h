// Intake: the standby's log thread. Carries out what the Follower wants done to the log, in order:
// append batches as they were received, drop an open tail, begin anew. Reports a ticket done only
// when its work is fsynced (invariant 3). Owns the Backend for writing; creates it when the
// Follower first resets a log that does not exist.
//
// Little that comes while the log thread has nothing to do the follow thread appends itself
// (append_now): that saves two changes of thread, which cost as much as half an fsync. Who uses the
// Backend has the turn; the other one waits (log thread) or queues (follow thread). Who fails keeps
// the turn: the work behind the failure is lost, and nothing may be appended in its place.
//
// What is queued is bounded by the Follower's window (kWindow): a slow disk slows the network.
#pragma once

#include "common/backend/backend.h"
#include "common/backend/upkeep_thread.h"
#include "common/metering/meters.h"
#include "common/orphans/keep_orphans.h"
#include "common/snapshot/retention_floor.h"
#include "common/wal/wal_format.h"
#include "subscriber/follower.h"
#include "subscriber/fresh_batches.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace understudy {

class Intake {
 public:
  using Work =
      std::variant<follow::Append, follow::DropOpenTail, follow::RewindLog, follow::ResetLog>;
  // What is durable now.
  struct Done {
    std::uint64_t ticket = 0;  // all work up to this one; 0: it was a trim
    LogBounds bounds;
    std::span<const DurableBatch> batches;  // those that became durable with it
    bool rewound = false;                   // parts were taken back
    std::optional<Seq> rewound_to = {};     // whole records behind this one, too (RewindLog)
    bool replaced = false;                  // backend.db is a new file: readers of the old one go
    bool follower_knows = false;            // it was told by append_now()
  };
  // Called on the thread that did the work, one call at a time.
  using OnDone = std::function<void(const Done&)>;

  struct Options {
    std::string backend_path;
    std::string node;            // whose orphans they would be
    std::string orphans_folder;  // where records are kept that the primary does not have
    // What the database shows of a page; may be empty. Called on the log thread.
    LastPageReader read_page = {};
    RetentionPolicy retention;
    std::function<Seq()> keep_after;  // nothing beyond it is trimmed; called on the log thread
    // The records after them are kept; called on the log thread.
    std::function<RetentionFloors()> floors = [] { return RetentionFloors{}; };
    std::shared_ptr<Meters> meters = std::make_shared<Meters>();
  };

  // Opens the log when there is one, its open tail dropped.
  Intake(Options options, OnDone on_done);

  // The WAL cursor that a publisher of this database left; nullopt: none. Before run().
  [[nodiscard]] std::optional<wal::Cursor> last_writer() const;
  // It counts no longer: from now on the replica tells its position. Durable. Before run().
  void forget_last_writer();

  void run();            // until stop(); waits out a full disk; throws when anything else fails
  void stop();           // any thread
  void push(Work work);  // the follow thread
  // Appends and fsyncs these on the calling thread, the follow thread: up to which ticket, and what
  // the log spans now. report_appended() must follow, and may wait until that is acknowledged.
  // nullopt, with nothing done: it is much, the log thread is at work, the disk is full or was slow
  // just now; push() them.
  [[nodiscard]] std::optional<std::pair<std::uint64_t, LogBounds>> append_now(
      std::vector<follow::Append>& run);
  // Everybody else hears of what append_now() has done.
  void report_appended();

  // nullopt: there is no log yet. Any thread.
  [[nodiscard]] std::optional<LogBounds> bounds() const;
  [[nodiscard]] StreamId stream() const;
  [[nodiscard]] History history() const;
  [[nodiscard]] bool is_disk_full() const { return disk_full_; }
  [[nodiscard]] std::unique_ptr<LogReader> open_reader() const;  // requires bounds()

 private:
  [[nodiscard]] std::optional<std::deque<Work>> take();
  [[nodiscard]] bool take_turn_when_idle();
  void end_turn();
  void carry_out(std::deque<Work>& work);
  void append_run(std::deque<Work>& work);
  void drop_open_tail(const follow::DropOpenTail& drop);
  void rewind(const follow::RewindLog& rewind);
  [[nodiscard]] bool keep_orphans_of(const follow::RewindLog& rewind);
  void reset(const follow::ResetLog& reset);
  [[nodiscard]] bool put_aside();
  [[nodiscard]] bool append_durably(std::span<const BatchView> views);
  [[nodiscard]] bool write_durably(const std::function<void()>& write);
  void wait_for_space();
  [[nodiscard]] std::uint64_t trim();
  void do_upkeep();
  void set_bounds();
  [[nodiscard]] bool is_stopping() const;

  Options options_;
  OnDone on_done_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<UpkeepThread> upkeep_;
  std::atomic<bool> disk_full_{false};
  std::int64_t last_upkeep_us_ = 0;
  // Of the follow thread.
  std::int64_t slow_until_us_ = 0;  // it must not wait for this disk
  std::uint64_t appended_ticket_ = 0;
  std::vector<DurableBatch> appended_;  // not reported yet; it has the turn as long as there is any

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable filled_;
  std::condition_variable turn_free_;
  bool turn_taken_ = false;
  std::deque<Work> queued_;
  std::optional<LogBounds> bounds_;
  StreamId stream_;
  History history_;
  bool stopping_ = false;
};

}  // namespace understudy
