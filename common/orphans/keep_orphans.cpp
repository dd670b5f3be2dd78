#include "common/orphans/keep_orphans.h"

#include "common/backend/backend_file.h"
#include "common/backend/epoch_table.h"
#include "common/backend/log_walk.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/file/file.h"
#include "common/orphans/orphan_pages.h"
#include "common/orphans/orphans_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace understudy {
namespace {

constexpr std::size_t kReadBytes = 4 * 1024 * 1024;

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

// Stores the batches that hold records (fork, last]; returns their stream.
StreamId copy_batches(Connection& connection, LogReader& log, const Position& fork,
                      const Position& last) {
  auto insert = connection.prepare("INSERT INTO batch VALUES (?1, ?2, ?3, ?4)");
  StreamId stream;
  std::int64_t id = 0;
  PartKey next{fork.seq + 1, 0};
  while (next.seq <= last.seq) {
    const auto blobs = log.read(next, kReadBytes);
    if (blobs.empty()) {
      throw CorruptionError(fmt::format("the log does not hold record {}", next.seq));
    }
    for (const auto& blob : blobs) {
      const auto batch = BatchView::parse(blob);
      if (!batch || batch->header.next() <= next) {
        throw CorruptionError(fmt::format("what the log holds as record {} is none", next.seq));
      }
      if (next.seq > last.seq) break;
      stream = batch->header.stream;
      next = batch->header.next();
      insert.bind(1, ++id)
          .bind(2, as_signed(batch->header.first.seq))
          .bind(3, std::int64_t{batch->header.first.part})
          .bind(4, ByteView(blob))
          .run();
    }
  }
  return stream;
}

// Durable from its return: the folder's name in the one above it.
void create_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  if (!fs::create_directories(folder)) return;
  const auto above = fs::absolute(folder).parent_path().string();
  const int descriptor = ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw IoError("open folder", above, errno);
  const int result = ::fsync(descriptor);
  const int code = errno;
  ::close(descriptor);
  if (result != 0) throw IoError("sync folder", above, code);
}

class Keeper {
 public:
  Keeper(LogReader& log, const Position& fork, const Position& last, std::string path,
         std::string vfs)
      : log_(log), fork_(fork), last_(last), path_(std::move(path)), vfs_(std::move(vfs)) {}

  // True: the file of an earlier attempt is there, whole; and durable now.
  bool has_kept() {
    if (!File::exists(path_, vfs_) || !is_whole()) return false;
    // The end of its journal may not be on disk. One more commit brings it there.
    connect_for_keeping(path_, vfs_).execute("UPDATE orphans SET why = why");
    return true;
  }

  void keep(const OrphansOrigin& origin, const LastPageReader& read_page) {
    remove();
    try {
      write(origin, read_page);
    } catch (const Error&) {
      remove_if_possible();
      throw;
    }
  }

  KeptOrphans summary() {
    Connection connection(path_, Connection::Mode::read_only, 0, vfs_);
    const auto count = [&](const char* sql) {
      return static_cast<std::uint64_t>(connection.query_integer(sql).value_or(0));
    };
    return {.name = std::filesystem::path(path_).stem().string(),
            .path = path_,
            .records = last_.seq - fork_.seq,
            .pages = count("SELECT count(*) FROM page"),
            .pages_unknown = count("SELECT count(*) FROM page WHERE content IS NULL")};
  }

 private:
  // False: unfinished, or damaged. The log still has the records, so it may be written again.
  bool is_whole() {
    try {
      if (recognise_orphans(path_, vfs_) != OrphansKind::records) return false;
      const auto kept = open_orphans_log(path_, vfs_);
      const auto bounds = kept->bounds();
      return bounds.base == fork_ && bounds.last == last_ &&
             walk_log(*kept, fork_.seq, last_.seq, [](const RecordPart&) { return true; }) ==
                 LogWalk::complete;
    } catch (const CorruptionError&) {
      return false;
    } catch (const SqliteError& error) {
      if (!is_damage(error)) throw;
      return false;
    }
  }

  void write(const OrphansOrigin& origin, const LastPageReader& read_page) {
    auto connection = connect_for_keeping(path_, vfs_);
    Transaction transaction(connection);
    create_orphans_tables(connection);
    const auto stream = copy_batches(connection, log_, fork_, last_);
    write_history(connection, log_.history());
    OrphanPages pages(connection, log_, fork_.seq, last_.seq);
    pages.add_records();
    pages.add_contents(read_page);
    write_head(connection, {.stream = stream,
                            .node = origin.node,
                            .fork = fork_,
                            .last = last_,
                            .page_size = pages.page_size(),
                            .page_count = pages.page_count(),
                            .kept_us = unix_time_us(),
                            .why = origin.why});
    transaction.commit();
  }

  // The file first: without its journal it could pass for a whole one.
  void remove() {
    for (const auto* suffix : {"", "-journal"}) {
      if (File::exists(path_ + suffix, vfs_)) File::remove(path_ + suffix, vfs_);
    }
  }

  // After a failure; what stays is no whole file, and the next attempt replaces it.
  void remove_if_possible() {
    try {
      remove();
    } catch (const Error&) {
    }
  }

  LogReader& log_;
  Position fork_;
  Position last_;
  std::string path_;
  std::string vfs_;
};

}  // namespace

std::optional<KeptOrphans> keep_orphans(LogReader& log, Seq after, const std::string& folder,
                                        const OrphansOrigin& origin,
                                        const LastPageReader& read_page, const std::string& vfs) {
  const auto bounds = log.bounds();
  const Seq from = std::max(after, bounds.base.seq);
  if (bounds.last.seq <= from) return std::nullopt;
  const auto fork = log.position_at(from);
  if (!fork) throw CorruptionError(fmt::format("the log does not hold the end of record {}", from));
  create_folder(folder);
  // What is in the name tells these records from all others.
  const auto name = fmt::format("{}-{}-{}-{}", bounds.last.epoch, from + 1, bounds.last.seq,
                                hex(bounds.last.sum ^ log.history().back().tenure));
  Keeper keeper(log, *fork, bounds.last, folder + "/" + name + ".db", vfs);
  if (!keeper.has_kept()) keeper.keep(origin, read_page);
  return keeper.summary();
}

}  // namespace understudy
