// Capture: the thread that owns the application's database. Tails its WAL, encodes what is
// committed, scans when something was missed, and answers the serve thread's questions for pages.
//
// Invariant 2 of the design lives here: when the log thread cannot take records (disk full), run()
// throws LogStalled and the destructor lets go of all locks; the application never waits for us.
#pragma once

#include "common/serving/page_source.h"
#include "publisher/encoder.h"
#include "publisher/log_writer.h"
#include "publisher/scan.h"
#include "publisher/sync_commits.h"
#include "publisher/wal_watch.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace understudy {

class Progress;

struct CaptureStart {
  StreamId stream;
  Position position;                  // of the backend
  PageHashes hashes;                  // as of position; empty: unknown
  std::optional<wal::Cursor> cursor;  // where in the WAL that is
  bool is_new_stream = false;         // nothing is on record yet: learn first
};

// Which file a path leads to; another one after somebody replaced it.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  static FileIdentity of(const std::string& path);  // zeros when there is none
  bool operator==(const FileIdentity&) const = default;
};

struct CaptureStatus {
  bool is_scanning = false;
  PageNo scanned = 0;
  PageNo page_count = 0;
  TailStatus tail;
  std::uint64_t wal_bytes = 0;
};

class Capture final : public PageSource {
 public:
  Capture(wal::RawDatabase& database, PartQueue& queue, CaptureStart start, TailOptions options,
          std::string hashes_path, Progress& progress);
  ~Capture() override;

  // Scans a new stream's database to its end; returns the position (epoch 1, seq 0) and cursor that
  // the backend is to begin with. Ends early, with nullopt, on stop().
  std::optional<std::pair<Position, wal::Cursor>> learn();
  // After learn(): the table on file, so that a kill soon after does not cost a scan.
  void save_learned();
  // Until stop(). Throws LogStalled, TailLost, or what the environment throws. `commits` is told
  // which record stands for which part of the WAL.
  void run(const LogWriter& log, SyncCommits& commits);
  void stop();  // any thread
  // The last record that has something of what was committed before the call; it may not be durable
  // yet. nullopt: not known in time. The caller keeps the application from writing meanwhile. Any
  // thread but the capture's.
  [[nodiscard]] std::optional<Seq> drain(std::chrono::milliseconds patience);

  void ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) override;
  [[nodiscard]] std::optional<StateOutline> outline() const override;
  [[nodiscard]] CaptureStatus status() const;  // any thread

 private:
  static constexpr std::int64_t kSaveHashesEvery_us = 5'000'000;
  class LetGo;
  struct Question {
    PageRequest request;
    std::function<void(std::optional<PageAnswer>)> done;
  };

  TailResult poll_once();  // throws TailLost
  void do_between_commits(const LogWriter& log);
  void note_drained(std::uint64_t wanted);
  void step_scan();
  void answer_questions();
  [[nodiscard]] PageAnswer answer(const PageRequest& request);
  void append_if_different(PageNo page, PageHash known, PageAnswer& answer);
  void save_hashes_if_due(const LogWriter& log);
  void check_file_if_due();
  void check_backlog_if_due();
  void finish(const LogWriter& log);
  void publish_status();
  void note_commits(SyncCommits& commits);
  void wait(TailResult result, wal::FrameNo frames, SyncCommits& commits);

  wal::RawDatabase& database_;
  StreamId stream_;
  std::string hashes_path_;
  Progress& progress_;
  Encoder encoder_;
  WalTail tail_;
  std::uint64_t wal_hard_limit_bytes_;
  std::optional<Scan> scan_;
  WalWatch watch_;
  FileIdentity file_;
  std::atomic<bool> stopping_{false};
  std::int64_t now_us_ = 0;  // of this turn of run()
  std::int64_t last_progress_us_ = 0;
  std::int64_t last_save_us_ = 0;
  std::int64_t save_interval_us_ = kSaveHashesEvery_us;
  std::int64_t last_status_us_ = 0;
  std::int64_t last_file_check_us_ = 0;
  std::int64_t last_backlog_check_us_ = 0;
  std::uint64_t last_backlog_ = 0;  // frames that were not copied yet
  Seq saved_seq_ = 0;
  std::optional<wal::Cursor> noted_;  // told to SyncCommits
  std::atomic<bool> has_questions_{false};
  std::atomic<std::uint64_t> drains_wanted_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable drained_;
  std::uint64_t drains_done_ = 0;
  Seq drained_seq_ = 0;
  std::deque<Question> questions_;
  std::optional<StateOutline> outline_;
  CaptureStatus status_;
};

}  // namespace understudy
