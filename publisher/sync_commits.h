// SyncCommits: tells the application's processes which of their commits enough standbys have.
//
// The application knows its commits by WAL generation and frame, the standbys by seq. The capture
// thread notes which prefix of the WAL each seq stands for; acknowledgements then move a prefix
// forward, and the commit page shows it (common/commit_page).
//
// Invariants
//  - A prefix that is shown as replicated is durable here and has been acknowledged, at the level
//    asked for, by `count` standbys of different names.
//  - Notes are only ever left out, never made up: a prefix that is shown may be late, not early.
//  - Bounded memory: kNotes notes, of which every second one goes when they are full.
//
// Each method names its thread; none blocks.
#pragma once

#include "common/commit_page/commit_page.h"
#include "common/serving/peers.h"
#include "common/wal/wal_format.h"
#include "publisher/sync_options.h"
#include "publisher/sync_set.h"

#include <deque>
#include <memory>
#include <mutex>

namespace understudy {

// Before an application may write into a database that was a standby's: its commits are made under
// this tenure, also those that no publisher has seen yet. Throws IoError.
void show_primary(const std::string& page_path, const SyncOptions& options, Epoch epoch,
                  std::uint64_t tenure);

class SyncCommits {
 public:
  // Makes the page; nothing is shown as durable yet. Throws IoError.
  // `set`: whose confirmations count; null: any `count` standbys'.
  SyncCommits(const std::string& page_path, SyncOptions options, std::uint64_t tenure,
              std::shared_ptr<SyncSet> set = {});

  // The records up to `seq` hold all of the WAL up to `cursor`. Capture thread.
  void note(Seq seq, const wal::Cursor& cursor);
  // The log thread, after each fsync; and once before it starts.
  void on_durable(const Position& position);
  // What the standbys have changed, or time has passed: at least each 250 ms, so that the
  // application sees that somebody is here. Serve thread.
  void on_progress(const Peers& peers, std::int64_t now_us);
  // Capture thread: until a commit waits, or for `at_most`. While commits say so there is no need
  // to look often: a little longer then.
  void wait_for_commit(std::chrono::microseconds at_most);

  void add_to(Status& status) const;  // any thread

 private:
  struct Note {
    commit_page::Prefix prefix{};
    std::int64_t time_us = 0;
  };
  static constexpr std::size_t kNotes = 16384;

  void begin_generation(const wal::Salts& salts);
  [[nodiscard]] bool advance(commit_page::Prefix& prefix, Seq seq) const;
  void drop_notes();
  [[nodiscard]] bool move_forward();
  [[nodiscard]] Seq confirmed(const std::vector<std::pair<std::string, Seq>>& heard,
                              std::int64_t now_us) const;
  void judge(std::int64_t now_us);
  void publish(bool durable_moved, bool replicated_moved);

  const SyncOptions options_;
  const std::shared_ptr<SyncSet> set_;
  CommitPage page_;
  std::int64_t woken_at_us_ = 0;  // by an application; of the capture thread

  mutable std::mutex mutex_;  // guards what follows
  commit_page::State state_{};
  std::deque<Note> notes_;  // ascending; the first one is not shown as replicated yet
  wal::Salts salts_;        // of the newest generation
  std::uint64_t generation_ = 0;
  Seq durable_ = 0;                 // here
  bool has_begun_ = false;          // durable_ is known
  Seq acknowledged_ = 0;            // by enough standbys
  std::int64_t staffed_at_us_ = 0;  // when enough standbys were last heard of
  std::int64_t since_us_ = 0;       // unreplicated, or short of standbys; 0: all is well
};

}  // namespace understudy
