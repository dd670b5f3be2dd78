// Opening, finding the position, upkeep. Applying is in replica_apply.cpp.
#include "common/replica/replica.h"

#include "common/backend/roll_forward.h"
#include "common/core/assert.h"
#include "common/core/errors.h"
#include "common/record/page_hash.h"

#include <algorithm>

namespace understudy {
namespace {

constexpr int kSqliteBusy = 5;
// Upkeep finishes a checkpoint by itself when not more frames than these are left.
constexpr std::uint32_t kShortCheckpoint = 256;

}  // namespace

ReplicaFile Replica::look_for(const std::string& path, const std::string& vfs) {
  if (File::exists(path, vfs)) return ReplicaFile::present;
  for (const auto* suffix : {"-wal", "-shm"}) {
    if (File::exists(path + suffix, vfs)) {
      throw ConfigError(path + suffix + " exists, but its database " + path +
                        " does not: move it away, or put the database back");
    }
  }
  return ReplicaFile::missing;
}

Replica::Replica(const ReplicaOptions& options)
    : Replica(options, wal::RawDatabase(options.path, options.vfs)) {}

Replica::Replica(const ReplicaOptions& options, wal::RawDatabase&& held)
    : options_(options),
      raw_(std::move(held)),
      lock_release_{.raw = raw_},
      ring_(options.state_dir + "/applied", options.stream, options.vfs),
      checkpointer_(options.path, options.vfs),
      appender_(raw_, ring_, complete_header(take_write_lock(raw_))),
      overlay_(raw_.page_size(), options.overlay_bytes),
      checkpoint_due_(options.checkpoint_frames),
      page_(raw_.page_size()) {}

Replica::~Replica() = default;

Replica::LockRelease::~LockRelease() {
  const bool is_ours = !is_passed_on && raw.index().holds_exclusive(wal::Lock::write);
  if (is_ours) raw.index().unlock_exclusive(wal::Lock::write);
}

wal::IndexHeader Replica::take_write_lock(wal::RawDatabase& raw) {
  for (int tries = 0; tries < 10; ++tries) {
    // Recovery takes WRITE itself, so it comes before we do.
    if (!raw.index().read_header()) raw.recover();
    const bool is_held = raw.index().holds_exclusive(wal::Lock::write);
    if (!is_held && !raw.index().try_lock_exclusive(wal::Lock::write)) {
      throw SqliteError("take the write lock of", raw.path(), kSqliteBusy,
                        "another program is writing to it");
    }
    if (const auto header = raw.index().read_header()) return *header;
    raw.index().unlock_exclusive(wal::Lock::write);
  }
  throw SqliteError("recover the wal-index of", raw.path(), kSqliteBusy,
                    "other programs keep it busy");
}

// A WAL that never had a frame leaves sizes open.
wal::IndexHeader Replica::complete_header(wal::IndexHeader header) {
  if (header.page_size == 0) header.page_size = raw_.page_size();
  if (header.page_count == 0) {
    header.page_count = static_cast<PageNo>(raw_.database_bytes() / header.page_size);
  }
  return header;
}

// SQLite's recovery does not look at a WAL that is a header and nothing else. Its salts name the
// state all the same: any writer would have begun with other ones.
wal::Cursor Replica::committed_cursor() {
  auto cursor = appender_.committed().cursor();
  if (cursor.frame != 0 || cursor.salts != wal::Salts{}) return cursor;
  std::array<std::byte, wal::kHeaderSize> bytes{};
  if (raw_.wal_bytes() != bytes.size()) return cursor;
  if (raw_.read_wal(0, bytes) != bytes.size()) return cursor;
  if (const auto header = wal::Header::decode(bytes)) cursor.salts = header->salts;
  return cursor;
}

wal::WriteFence Replica::give_up_lock() {
  lock_release_.is_passed_on = true;
  return wal::WriteFence(std::move(raw_));
}

// What is on record about the WAL as it is: by the publisher that watched its last writer, or by
// ourselves.
std::optional<Position> Replica::recorded_position(LogReader& log,
                                                   const std::optional<wal::Cursor>& last_writer) {
  const auto cursor = committed_cursor();
  if (last_writer != cursor) return ring_.find(cursor);
  const auto position = log.bounds().last;
  appender_.note_position(position);
  return position;
}

Located Replica::locate(LogReader& log, const ScanProgress& progress,
                        const std::optional<wal::Cursor>& last_writer) {
  if (const auto found = recorded_position(log, last_writer)) {
    settle_at(*found);
    if (restore_hashes(log)) return Located::by_fingerprint;
    rescan(progress);
    if (hashes_.sum() == found->sum) return Located::by_fingerprint;
    located_ = false;  // right WAL, wrong pages: the file is damaged
    return Located::diverged;
  }
  rescan(progress);
  const auto found = find_state(log, hashes_.sum());
  if (!found) return Located::diverged;
  settle_at(*found);
  appender_.note_position(position_);
  return Located::by_sum;
}

void Replica::adopt(const Position& position, PageHashes hashes) {
  US_ASSERT(hashes.sum() == position.sum && hashes.page_count() == page_count(),
            "adopted hashes are those of the file");
  hashes_ = std::move(hashes);
  hashes_true_ = true;
  settle_at(position);
  appender_.note_position(position_);
}

void Replica::settle_at(const Position& position) {
  position_ = pending_ = position;
  pending_count_ = lowest_count_ = page_count();
  next_part_ = 0;
  located_ = true;
  failed_ = prepared_ = false;
  make_durable();
}

// Table on file, moved on by the log to our position. False: cannot be proved.
bool Replica::restore_hashes(LogReader& log) {
  auto loaded = PageHashes::load(hashes_path(), options_.stream, options_.vfs);
  if (!loaded || loaded->table.page_size() != page_size() || loaded->seq > position_.seq) {
    return false;
  }
  auto& table = loaded->table;
  if (!roll_forward(table, loaded->seq, position_.seq, position_.sum, log) ||
      table.page_count() != page_count()) {
    return false;
  }
  hashes_ = std::move(table);
  hashes_true_ = true;
  return true;
}

const PageHashes& Replica::rescan(const ScanProgress& progress) {
  forget_pending();
  const auto count = page_count();
  hashes_ = PageHashes(page_size());
  hashes_.resize(count);
  for (PageNo page = 1; page <= count; ++page) {
    rehash_committed(page);
    if (progress && page % 4096 == 0) progress(page, count);
  }
  if (progress) progress(count, count);
  hashes_true_ = true;
  failed_ = located_ && hashes_.sum() != position_.sum;
  return hashes_;
}

void Replica::rehash_committed(PageNo page) {
  if (page == lock_byte_page(page_size())) return;
  read_committed_page(page, page_);
  hashes_.set(page, hash_page(page, page_));
}

Replica::WalUsage Replica::wal_usage() {
  return {appender_.committed().last_frame, raw_.index().backfilled()};
}

void Replica::upkeep(bool beside) {
  const auto usage = wal_usage();
  const auto left = usage.frames - std::min(usage.frames, usage.backfilled);
  if (usage.frames < checkpointed_at_) checkpoint_due_ = options_.checkpoint_frames;
  checkpointed_at_ = std::min(checkpointed_at_, usage.frames);
  if (left == 0 || usage.frames < checkpoint_due_) return;
  // The other thread never ends at the last frame while we append, so the rest is ours; and
  // all of it when that thread cannot follow.
  const bool is_short = left <= kShortCheckpoint;
  if (beside && !is_short && usage.frames < 8 * options_.checkpoint_frames) return;
  make_durable();
  (void)checkpointer_.run();
  // A reader that keeps the WAL from beginning anew must not cost two syncs a commit.
  checkpointed_at_ = usage.frames;
  checkpoint_due_ = usage.frames + options_.checkpoint_frames / 4;
}

void Replica::make_durable() {
  raw_.sync_wal();
  ring_.sync();
  // Durable from here: what readers see, and the entry that names it. The log may forget it.
  durable_ = position_;
}

void Replica::save_hashes() {
  US_ASSERT(located_ && !failed_ && !has_pending(), "only a proved table of a position is saved");
  hashes_.save(hashes_path(), options_.stream, position_.seq, options_.vfs);
}

}  // namespace understudy
