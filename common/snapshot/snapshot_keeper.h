// SnapshotKeeper: a node's own snapshots. Takes them by itself (the first soon after there is a
// log, then by age and by how much was written since), and when it is told to; removes them
// together with the records; says what the log must keep for them.
//
// Invariants
//  - It never stops the node: what fails is said, and tried again later.
//  - It stands back: the lowest priority, one group of pages asked for at a time.
//  - What keep_after() says covers the snapshots in the folder, and the one that is being taken.
//
// Thread: `snapshot`, its own. The PageSource must live until end() has returned.
#pragma once

#include "common/snapshot/retention_floor.h"
#include "common/snapshot/snapshot_shelf.h"
#include "common/snapshot/take_snapshot.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace understudy {

constexpr std::int64_t kSnapshotEvery_us = 24ll * 3600 * 1000 * 1000;

struct SnapshotKeeperOptions {
  std::string folder;
  StreamId stream;
  std::function<std::unique_ptr<LogReader>()> open_log;
  RetentionPolicy retention;
  std::int64_t every_us = kSnapshotEvery_us;  // 0: none by itself, and none is removed
  std::chrono::milliseconds first_after{2000};
};

// What there is to say about it.
struct SnapshotReport {
  std::optional<SnapshotEntry> newest;  // of this log
  std::string warning;                  // empty: all is well
  std::optional<double> progress;       // of the one that is being taken: 0 … 1
};

class SnapshotKeeper {
 public:
  SnapshotKeeper(PageSource& pages, SnapshotKeeperOptions options);
  ~SnapshotKeeper();
  SnapshotKeeper(const SnapshotKeeper&) = delete;
  SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;

  // The log must keep the records after this one; kNoSnapshotFloor: no such. Any thread.
  [[nodiscard]] Seq keep_after() const { return keep_after_; }
  // Takes one now, to `output` (empty: into the folder), and waits for it. Any thread.
  [[nodiscard]] std::variant<SnapshotEntry, SnapshotDropped> take(const std::string& output);
  [[nodiscard]] SnapshotReport report() const;  // any thread
  // Gives up what is under way, and ends the thread. The owner's thread.
  void end();

 private:
  using Taken = std::variant<SnapshotEntry, SnapshotDropped>;
  struct Request {
    std::string output;
    std::promise<Taken> taken;
  };

  void run();
  void turn();
  void carry_out(Request& request);
  void look();
  [[nodiscard]] bool is_due();
  [[nodiscard]] std::uint64_t due_bytes() const;
  void take_when_due();
  [[nodiscard]] Taken take_now(const std::string& output);
  [[nodiscard]] Taken attempt(const std::string& output);
  void note_failure(const std::string& text, std::int64_t retry_us);
  void set_floor();
  void say_state();
  [[nodiscard]] bool is_ending() const { return ending_; }

  PageSource& pages_;
  SnapshotKeeperOptions options_;
  std::atomic<bool> ending_{false};
  std::atomic<Seq> keep_after_{0};  // everything, until the folder was looked at

  // Of the thread.
  SnapshotShelf shelf_;
  std::unique_ptr<LogReader> log_;
  bool is_open_ = false;
  std::int64_t next_try_us_ = 0;
  std::int64_t unconnected_since_us_ = 0;  // 0: a snapshot leads into the log
  std::string failure_;                    // of the last attempt; empty: none

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Request> requests_;
  SnapshotReport report_;
  std::thread thread_;
};

}  // namespace understudy
