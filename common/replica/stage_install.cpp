// The proved stage becomes what readers see: a new file, or one commit into the existing replica.
#include "common/core/assert.h"
#include "common/core/errors.h"
#include "common/record/page_hash.h"
#include "common/replica/stage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace understudy {
namespace {

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

void sync_folder(const std::string& path) {
  const auto folder = folder_of(path);
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw IoError("open the folder of", path, errno);
  const int failed = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (failed != 0) throw IoError("sync the folder of", path, failed);
}

bool is_same_file_system(const std::string& staged, const std::string& path) {
  struct stat a {};
  struct stat b {};
  const auto folder = folder_of(path);
  if (::stat(staged.c_str(), &a) != 0) throw IoError("look at", staged, errno);
  if (::stat(folder.c_str(), &b) != 0) throw IoError("look at", folder, errno);
  return a.st_dev == b.st_dev;
}

// A state directory on another disk than the database: a rename cannot cross over.
void copy_durably(const File& from, const std::string& to, const std::string& vfs) {
  File copy(to, File::Mode::create, vfs);
  Bytes piece(1024 * 1024);
  std::uint64_t at = 0;
  while (const auto got = from.read(at, piece)) {
    copy.write(at, ByteView(piece).first(got));
    at += got;
  }
  copy.truncate(at);
  copy.sync();
}

// Empties the WAL of a database that nobody else has open, and keeps others out as long as the
// connection lives. A WAL that survived the file that it belongs to would damage the new one.
std::unique_ptr<Connection> retire_database(const std::string& path, const std::string& vfs) {
  try {
    auto connection = std::make_unique<Connection>(path, Connection::Mode::read_write, 0, vfs);
    connection->execute("PRAGMA locking_mode=EXCLUSIVE");
    if (connection->query_integer("PRAGMA wal_checkpoint(TRUNCATE)") == 0) return connection;
  } catch (const SqliteError& error) {
    if (!error.is_busy()) throw;
  }
  throw ConfigError(path + " is open in other programs, and the primary's page size has changed: " +
                    "close them, so that it can be replaced");
}

}  // namespace

void Stage::install(const std::string& path) {
  US_ASSERT(proved_ && local_ == nullptr, "only a proved state becomes a database");
  std::unique_ptr<Connection> retired;
  if (Replica::look_for(path, options_.vfs) == ReplicaFile::present) {
    retired = retire_database(path, options_.vfs);
  }
  write_behind_.reset();
  file_->truncate(std::uint64_t{page_count_} * page_size());
  file_->sync();  // durable from here: the whole state. Now it may get its name
  auto staged = path_in(options_.state_dir);
  const auto beside = path + "-understudy-incoming";
  if (!is_same_file_system(staged, path)) {
    try {
      copy_durably(*file_, beside, options_.vfs);
    } catch (const Error&) {
      File::remove(beside, options_.vfs);  // on a full disk it would be in its own way
      throw;
    }
    staged = beside;
  }
  file_.reset();  // before SQLite opens it: closing a descriptor later would drop its locks
  if (std::rename(staged.c_str(), path.c_str()) != 0) throw IoError("rename", staged, errno);
  sync_folder(path);
}

void Replica::replace(Stage& stage) {
  US_ASSERT(stage.is_proved() && stage.page_size() == page_size(), "see Stage::complete()");
  US_ASSERT(hashes_true_, "what differs is known only by true hashes");
  US_ASSERT(!has_pending(), "abandon() or rescan() comes first");
  overlay_.clear();
  appender_.abandon();
  appender_.begin_commit(position_);
  for (PageNo page = 1; page <= stage.page_count(); ++page) {
    if (stage.hashes().get(page) == hashes_.get(page)) continue;
    stage.read_page(page, page_);
    appender_.append(page, page_);
  }
  if (!appender_.has_uncommitted() && stage.page_count() != page_count()) {
    stage.read_page(1, page_);
    appender_.append(1, page_);
  }
  // Readers go from one whole state to another; records up to position() are durable here, since
  // the stage was completed from the log.
  appender_.publish(stage.position(), stage.page_count());
  hashes_ = stage.take_hashes();
  settle_at(stage.position());
}

}  // namespace understudy
