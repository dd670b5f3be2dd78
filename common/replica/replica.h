// Replica: the standby's database file, to which records are applied while others read it.
//
// Invariants
//  - It holds SQLite's WRITE lock for its whole life: a writer elsewhere gets SQLITE_BUSY.
//  - What readers see is always the state of position(), whole. publish() alone moves both.
//  - A record is applied on exactly the state that it was made from (seq and state sum), and what
//    results is proved, page by page and in sum, before it can become visible.
//  - A prepared commit cannot be seen after a crash either; see wal_appender.h.
//  - Memory does not depend on the size of a record: beyond the overlay's budget pages go to the
//    WAL as frames that are not committed.
//
// Use: locate() (or adopt()), then for each batch: feed() its parts, prepare() at a record's
// end, publish() once the batch is durable in the backend. Many records between two publishes make
// one commit that writes each page once.
//
// Belongs to one thread (apply). No sockets, no threads, no clock. Throws IoError and SqliteError;
// after an exception the object may only be destroyed, and opening anew finds the position again.
#pragma once

#include "common/backend/log_walk.h"
#include "common/record/page_hashes.h"
#include "common/record/record.h"
#include "common/replica/applied_ring.h"
#include "common/replica/checkpointer.h"
#include "common/replica/page_overlay.h"
#include "common/replica/wal_appender.h"
#include "common/serving/page_source.h"
#include "common/wal/write_fence.h"

namespace understudy {

struct ReplicaOptions {
  std::string path;
  std::string state_dir;  // exists; holds `applied` and `page-hashes`
  StreamId stream;
  std::string vfs;
  std::size_t overlay_bytes = 16 * 1024 * 1024;
  // A WAL of so many frames is checkpointed, so that it can be reset.
  std::uint32_t checkpoint_frames = 4000;
};

enum class ReplicaFile { present, missing };

enum class Located {
  by_fingerprint,  // the WAL is one that the ring names
  by_sum,          // the state sum of the file is one of the log
  diverged,        // neither: not a state of this stream that we know of
};

struct FeedResult {
  enum class Outcome { accepted, duplicate, gap, diverged };
  Outcome outcome = Outcome::accepted;
  std::string reason;  // for diverged, in words
  PageNo page = 0;     // the page that is wrong, when known
  [[nodiscard]] bool is_accepted() const { return outcome == Outcome::accepted; }
};

// Pages done, pages in all.
using ScanProgress = std::function<void(PageNo, PageNo)>;

class Stage;

class Replica {
 public:
  // Throws ConfigError when a -wal lies there without its database.
  static ReplicaFile look_for(const std::string& path, const std::string& vfs = {});

  // Takes the write lock. Throws ConfigError when the file cannot be a replica (see RawDatabase)
  // and SqliteError (is_busy()) while another program writes to it.
  explicit Replica(const ReplicaOptions& options);
  // The same with a connection that holds the lock already (asserted).
  Replica(const ReplicaOptions& options, wal::RawDatabase&& held);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // --- Position ---
  // Finds position and page hashes; comes first. After `diverged`, rescan_hashes() holds the true
  // hashes of the file, for a resync, and only those, read_committed_page() and replace() may
  // be used.
  // `last_writer`: where a publisher of this database left off; a WAL that ends there shows the
  // end of the log.
  [[nodiscard]] Located locate(LogReader& log, const ScanProgress& progress,
                               const std::optional<wal::Cursor>& last_writer = {});
  // Instead of locate(): the file is known to be this state (it was just staged).
  void adopt(const Position& position, PageHashes hashes);
  // The true hashes of the file as it is, from all pages; abandons what is pending.
  const PageHashes& rescan(const ScanProgress& progress);

  [[nodiscard]] bool is_located() const { return located_; }
  [[nodiscard]] const Position& position() const { return position_; }  // what readers see
  // Survives a power cut: the log must keep what comes after.
  [[nodiscard]] const Position& durable_position() const { return durable_; }
  [[nodiscard]] std::uint32_t page_size() const { return raw_.page_size(); }
  [[nodiscard]] PageNo page_count() const { return appender_.committed().page_count; }
  [[nodiscard]] const PageHashes& hashes() const { return hashes_; }

  // --- Applying ---
  // The next part. `duplicate` and `gap` change nothing. After `diverged` nothing pending can be
  // published: rescan() and resync.
  [[nodiscard]] FeedResult feed(const RecordPart& part);
  // The part that feed() expects.
  [[nodiscard]] PartKey expected() const { return {pending_.seq + 1, next_part_}; }
  [[nodiscard]] bool has_pending() const {
    return pending_.seq != position_.seq || next_part_ != 0;
  }
  // Between two records: prepare() is allowed.
  [[nodiscard]] bool at_boundary() const { return next_part_ == 0; }
  // At a boundary: committing now is better than merging on (memory, or the next record is long).
  [[nodiscard]] bool should_commit_before(const PartHeader& next) const;
  // Proves the pending state and writes its frames, invisible still. Requires at_boundary().
  [[nodiscard]] FeedResult prepare();
  // Readers see it now. Requires prepare(), and all its records durable in the backend.
  void publish();
  // Forgets what is pending, back to position() (the primary dropped a record's open tail). After
  // `diverged` rescan() is needed as well.
  void abandon();

  // --- Upkeep; between two commits ---
  struct WalUsage {
    std::uint32_t frames = 0;
    std::uint32_t backfilled = 0;
  };
  [[nodiscard]] WalUsage wal_usage();
  // Checkpoints when due. `beside`: a Checkpointer in another thread does the bulk; only the rest
  // that it cannot finish under load is done here, in about a millisecond.
  void upkeep(bool beside);
  // Syncs WAL and ring: durable_position() is position() from here.
  void make_durable();
  void save_hashes();

  // The prefix of the WAL that readers see.
  [[nodiscard]] wal::Cursor cursor() { return committed_cursor(); }
  // Passes the write lock on, after an exception too; the object may only be destroyed then.
  [[nodiscard]] wal::WriteFence give_up_lock();

  // --- Reading ---
  void read_committed_page(PageNo page, std::span<std::byte> out);
  [[nodiscard]] StateOutline outline() const;
  // Answers from the state of position(), whatever is pending. Takes at most 4 MiB of pages.
  // nullopt: a page is not what was applied (the file is damaged): rescan() and resync. While a
  // record is pending its pages cannot be told from damaged ones, and whoever asks proves the sum.
  [[nodiscard]] std::optional<PageAnswer> read_group(const PageRequest& request);

  // --- Resync ---
  // One commit that turns the file into the complete stage's state. Requires its page size.
  void replace(Stage& stage);

 private:
  [[nodiscard]] std::optional<Position> recorded_position(
      LogReader& log, const std::optional<wal::Cursor>& last_writer);
  static wal::IndexHeader take_write_lock(wal::RawDatabase& raw);
  [[nodiscard]] std::string hashes_path() const { return options_.state_dir + "/page-hashes"; }
  wal::IndexHeader complete_header(wal::IndexHeader header);
  [[nodiscard]] wal::Cursor committed_cursor();
  [[nodiscard]] bool restore_hashes(LogReader& log);
  void settle_at(const Position& position);
  FeedResult fail(std::string reason, PageNo page = 0);
  [[nodiscard]] FeedResult check_header(const PartHeader& header);
  [[nodiscard]] FeedResult apply_change(const PageChange& change);
  [[nodiscard]] FeedResult end_record(const PartHeader& header);
  [[nodiscard]] FeedResult write_dirty_pages();
  void read_pending_page(PageNo page, std::span<std::byte> out);
  void rehash_committed(PageNo page);
  void forget_pending();
  void restore_pending_hashes();

  // Other connections of this process may outlive ours and would keep the lock byte taken: also
  // when only the constructor fails.
  struct LockRelease {
    wal::RawDatabase& raw;
    bool is_passed_on = false;
    ~LockRelease();
  };

  ReplicaOptions options_;
  wal::RawDatabase raw_;
  LockRelease lock_release_;  // before raw_ ends
  AppliedRing ring_;
  Checkpointer checkpointer_;  // closes before raw_
  WalAppender appender_;
  PageOverlay overlay_;
  std::uint32_t checkpoint_due_;       // frames in the WAL at which upkeep() acts
  std::uint32_t checkpointed_at_ = 0;  // frames when it last did
  PageHashes hashes_;                  // of the pending state
  Position position_;
  Position durable_;
  Position pending_;             // after the last whole record that was fed
  PageNo pending_count_ = 0;     // pages after it
  PageNo lowest_count_ = 0;      // smallest page count since the last commit
  std::uint32_t next_part_ = 0;  // of the record after pending_
  bool located_ = false;
  bool failed_ = false;       // diverged: may not apply
  bool hashes_true_ = false;  // hashes_ is the table of what the file, or pending, holds
  bool prepared_ = false;
  Bytes page_;  // scratch
};

}  // namespace understudy
