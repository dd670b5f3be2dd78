// Applier: the standby's apply thread. Owns the Replica, and the Stage while a resync is under way.
// Applies what is durable in the log, carries out what the Follower wants of replica and stage, in
// order, and answers the serve thread's questions for pages.
//
// Invariants
//  - It applies what the log thread hands over as durable, or else reads it from the log through a
//    LogReader: never what is not durable here.
//  - Once the replica is lost (diverged, damaged) nothing is applied until a resync has replaced
//    its content; readers keep the last whole state that was proved.
//  - A full disk is waited out (applier_full_disk.cpp): the replica is opened anew, under the same
//    write lock, when there may be space again, and what was left undone is done then. Whatever
//    else the environment throws is final.
#pragma once

#include "common/core/periodic_thread.h"
#include "common/logging/progress.h"
#include "common/logging/repeated_trouble.h"
#include "common/metering/meters.h"
#include "common/node/state_directory.h"
#include "common/replica/replica.h"
#include "common/replica/stage.h"
#include "common/serving/page_source.h"
#include "subscriber/intake.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace understudy {

// What a standby leaves to the publisher that goes on with its database.
struct ReplicaHandover {
  wal::WriteFence fence;  // held
  Position position;      // what readers see
  wal::Cursor cursor;     // of the WAL that shows it
  std::uint32_t page_size = 0;
  PageNo page_count = 0;
};

class Applier final : public PageSource {
 public:
  using Work = std::variant<follow::BeginResync, follow::HashGroup, follow::StoreGroup,
                            follow::FinishResync>;
  // Hands an event to the follow thread.
  using Tell = std::function<void(std::function<void(Follower&)>)>;
  using OpenLog = std::function<std::unique_ptr<LogReader>()>;

  Applier(std::string database, const StateDirectory& directory, OpenLog open_log, Tell tell,
          Progress& progress, std::shared_ptr<Meters> meters);
  ~Applier() override;

  // Opens the replica and finds its position; nullopt: there is none that records can be applied
  // to. `stream` nil: not known yet. Before run(), on any thread.
  // `fence`: the write lock, where this node has it already. `last_writer`: see Replica::locate().
  std::optional<Position> open(const StreamId& stream, bool has_log,
                               std::optional<wal::WriteFence> fence = {},
                               const std::optional<wal::Cursor>& last_writer = {});

  void run();  // until stop(); waits out a full disk; throws when anything else fails
  // After run(): the replica, whole and saved, with its lock. nullopt: there is no such.
  [[nodiscard]] std::optional<ReplicaHandover> hand_over();
  void stop();           // any thread
  void push(Work work);  // any thread
  // The log has changed. The log thread.
  void on_log(const Intake::Done& done);
  // In words, while a full disk keeps it from applying. Any thread.
  [[nodiscard]] std::optional<std::string> trouble() const;
  // The log must keep the records after this one. Any thread.
  [[nodiscard]] Seq keep_after() const { return keep_after_; }

  void ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) override;
  [[nodiscard]] std::optional<StateOutline> outline() const override;

 private:
  struct Question {
    PageRequest request;
    std::function<void(std::optional<PageAnswer>)> done;
  };
  struct Inbox {
    std::deque<Work> work;
    std::deque<Question> questions;
    bool rewound = false;           // parts of the log were taken back
    std::optional<Seq> rewound_to;  // whole records behind this one, too: the Follower waits for us
    bool replaced = false;          // the log is another file
    bool log_grew = false;
    [[nodiscard]] bool is_empty() const {
      return work.empty() && questions.empty() && !rewound && !log_grew;
    }
  };

  void take(std::chrono::milliseconds patience);
  [[nodiscard]] std::chrono::milliseconds patience() const;
  void do_what_is_due();
  void end();
  void open_replica(const StreamId& stream, std::optional<wal::WriteFence> fence);
  [[nodiscard]] std::optional<Position> locate(const std::optional<wal::Cursor>& last_writer);
  [[nodiscard]] bool can_apply() const { return replica_ && !is_lost_ && !is_resyncing_; }

  // applier_full_disk.cpp
  void wait_for_space(const std::string& reason);
  [[nodiscard]] bool is_waiting_for_space() const { return retry_at_us_ != 0; }
  [[nodiscard]] bool may_try_again();
  void try_again();
  void reopen_replica();
  void answer_nobody();
  void note_space_again();

  void apply_log();
  [[nodiscard]] bool apply_next();
  [[nodiscard]] bool apply_from_log();
  [[nodiscard]] bool took_back();
  [[nodiscard]] bool apply_batch(const BatchView& batch);
  [[nodiscard]] bool feed(const RecordPart& part);
  [[nodiscard]] bool commit();
  void lose_replica(const std::string& reason);
  [[nodiscard]] bool check_log_reaches_replica();

  void carry_out(follow::BeginResync& begin);
  void carry_out(follow::HashGroup& group);
  void carry_out(follow::StoreGroup& group);
  void carry_out(follow::FinishResync& finish);
  void try_finish();
  void finish();
  void fail_resync(const std::string& reason);
  void tell_what_is_left(Seq rewound_to);

  // applier_pages.cpp
  void answer(Question& question);
  void publish_outline();

  void do_upkeep();
  void save();
  [[nodiscard]] std::chrono::milliseconds checkpoint_beside();

  std::string database_;
  const StateDirectory& directory_;
  OpenLog open_log_;
  Tell tell_;
  Progress& progress_;
  const std::shared_ptr<Meters> meters_;

  StreamId stream_;
  std::unique_ptr<LogReader> log_;
  std::optional<Replica> replica_;
  std::optional<Stage> stage_;
  bool has_more_ = false;      // apply_log() left off before the log's end
  bool is_lost_ = false;       // the replica's content cannot be carried on
  bool knows_pages_ = false;   // … but its page hashes are right: it shows what was taken back
  bool is_resyncing_ = false;  // from BeginResync on, through failed attempts, until it is done
  bool wants_finish_ = false;  // all groups are in; the log does not reach far enough yet
  std::int64_t last_save_us_ = 0;
  Inbox due_;                                  // taken, and not done yet
  std::optional<wal::WriteFence> kept_lock_;   // while the replica waits to be opened anew
  std::optional<std::string> resync_failure_;  // to be told when there may be space again
  std::int64_t retry_at_us_ = 0;               // when to look for space; 0: nothing waits for it
  std::int64_t retry_delay_us_ = 0;
  RepeatedTrouble full_disk_;
  Bytes raw_;        // scratch
  RecordPart part_;  // scratch

  FreshBatches fresh_;
  std::atomic<Seq> keep_after_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint32_t> wal_backlog_{0};   // frames that are not in the database file yet
  std::unique_ptr<Checkpointer> checkpointer_;  // of the thread below
  RepeatedTrouble checkpoint_trouble_;          // of the thread below
  std::unique_ptr<PeriodicThread> checkpoint_thread_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable filled_;
  Inbox inbox_;
  std::optional<StateOutline> outline_;
  std::optional<std::string> trouble_;
};

}  // namespace understudy
