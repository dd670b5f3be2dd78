#include "takeover/lost_tail.h"

#include "common/core/errors.h"
#include "common/logging/log.h"
#include "common/replica/replica.h"

#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kFencePatience{1000};

// What became of the end of the WAL that the log went on from.
enum class End {
  there,        // or in another generation: nothing can be told
  lost,         // the WAL ends before it
  overwritten,  // other transactions stand where it was
};

// Within a generation committed frames do not change and the last one only grows: what a look
// without locks finds stays true.
End end_of(wal::RawDatabase& raw, const wal::IndexHeader& header, const wal::Cursor& cursor) {
  if (cursor.frame == 0 || header.salts != cursor.salts) return End::there;
  if (header.last_frame < cursor.frame) return End::lost;
  std::array<std::byte, wal::kFrameHeaderSize> bytes{};
  const auto offset = wal::frame_offset(cursor.frame, header.page_size);
  if (raw.read_wal(offset, bytes) != bytes.size()) return End::there;
  const auto frame = wal::FrameHeader::decode(bytes);
  const bool is_other = frame.salts == cursor.salts && frame.checksum != cursor.checksum;
  return is_other ? End::overwritten : End::there;
}

// Without the write lock: the application must not wait, or get SQLITE_BUSY, for nothing.
End look(const std::string& database, const wal::Cursor& cursor) {
  wal::RawDatabase raw(database);
  auto header = raw.index().read_header();
  if (!header) header = raw.recover();
  return end_of(raw, *header, cursor);
}

LostTail tell_of_fork(const Position& log_ends) {
  log::error("tail_lost_fork",
             "the database lost transactions that its log has, and was written to since: the "
             "lost ones are undone on the standbys, too; they stay in the log",
             {{"log_ends", log_ends.to_string()}});
  return LostTail::forked;
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
  const auto last = backend->bounds().last;
  const auto end = look(database, *cursor);
  if (end == End::there) return LostTail::none;
  if (end == End::overwritten) return tell_of_fork(last);
  wal::WriteFence fence(database);
  if (!fence.take(kFencePatience)) return tell_of_fork(last);  // a transaction is under way
  const auto header = fence.header();
  // What was lost stays lost: if the WAL does not end too early any more, somebody wrote on.
  if (!header || header->salts != cursor->salts || header->last_frame >= cursor->frame) {
    return tell_of_fork(last);
  }

  const auto log = backend->open_reader();
  Replica replica(
      {.path = database, .state_dir = directory.path(), .stream = backend->stream(), .vfs = {}},
      std::move(fence).hand_over());
  const bool is_known = replica.locate(*log, {}) != Located::diverged;
  const auto from = replica.position();
  if (!is_known || !apply_rest(replica, *log, last.seq)) {
    return tell_of_fork(last);
  }
  replica.make_durable();
  replica.save_hashes();
  backend->set_cursor(replica.cursor().encode());
  log::warning("tail_restored", "transactions that the database lost are back, from the log",
               {{"transactions", last.seq - from.seq}, {"position", last.to_string()}});
  return LostTail::restored;
}

}  // namespace understudy
