#include "takeover/lost_tail.h"

#include "common/core/errors.h"
#include "common/logging/log.h"
#include "common/replica/replica.h"

#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kFencePatience{1000};

// The same generation of the WAL, and what the cursor names is not in it any more. Within a
// generation the last frame only grows: what a look without locks finds lost stays lost.
bool is_lost(const wal::IndexHeader& header, const wal::Cursor& cursor) {
  return cursor.frame != 0 && header.salts == cursor.salts && header.last_frame < cursor.frame;
}

// Without the write lock: the application must not wait, or get SQLITE_BUSY, for nothing.
bool seems_lost(const std::string& database, const wal::Cursor& cursor) {
  wal::RawDatabase raw(database);
  auto header = raw.index().read_header();
  if (!header) header = raw.recover();
  return is_lost(*header, cursor);
}

// Applies what the log has beyond the replica's position; false: it does not fit.
bool apply_rest(Replica& replica, LogReader& log, Seq until) {
  bool fits = true;
  const auto walked = walk_log(log, replica.position().seq, until, [&](const RecordPart& part) {
    if (replica.at_boundary() && replica.has_pending() &&
        replica.should_commit_before(part.header)) {
      fits = replica.prepare().is_accepted();
      if (fits) replica.publish();
    }
    fits = fits && replica.feed(part).is_accepted();
    return fits;
  });
  if (walked != LogWalk::complete || !fits) return false;
  if (!replica.has_pending()) return true;
  if (!replica.prepare().is_accepted()) return false;
  replica.publish();
  return true;
}

}  // namespace

LostTail restore_lost_tail(const std::string& database, const StateDirectory& directory) {
  if (!sqlite_backend_exists(directory.backend())) return LostTail::none;
  const auto backend = open_sqlite_backend(directory.backend());
  backend->drop_open_tail();
  const auto cursor = wal::Cursor::decode(backend->cursor());
  if (!cursor) return LostTail::none;
  if (!seems_lost(database, *cursor)) return LostTail::none;
  wal::WriteFence fence(database);
  if (!fence.take(kFencePatience)) return LostTail::none;  // the application writes already
  const auto header = fence.header();
  if (!header || !is_lost(*header, *cursor)) return LostTail::none;

  const auto last = backend->bounds().last;
  const auto log = backend->open_reader();
  Replica replica(
      {.path = database, .state_dir = directory.path(), .stream = backend->stream(), .vfs = {}},
      std::move(fence).hand_over());
  const bool is_known = replica.locate(*log, {}) != Located::diverged;
  const auto from = replica.position();
  if (!is_known || !apply_rest(replica, *log, last.seq)) {
    log::error("tail_lost_fork",
               "the database lost transactions that its log has, and was written to since: the "
               "lost ones are undone on the standbys, too; they stay in the log",
               {{"log_ends", last.to_string()}});
    return LostTail::forked;
  }
  replica.make_durable();
  replica.save_hashes();
  backend->set_cursor(replica.cursor().encode());
  log::warning("tail_restored", "transactions that the database lost are back, from the log",
               {{"transactions", last.seq - from.seq}, {"position", last.to_string()}});
  return LostTail::restored;
}

}  // namespace understudy
