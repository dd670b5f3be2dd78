#include "replay/output_file.h"

#include "common/core/errors.h"
#include "common/file/new_name.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace understudy {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kMode = 0644;  // as SQLite makes databases

bool is_there(const std::string& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

bool is_named(int descriptor, const std::string& path) {
  struct stat open_one {};
  struct stat named {};
  return ::fstat(descriptor, &open_one) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

}  // namespace

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)), partial_(path_ + ".understudy-restoring") {
  check_is_free();
  lock();
}

OutputFile::~OutputFile() {
  if (!is_finished_) ::unlink(partial_.c_str());
  ::close(descriptor_);
}

void OutputFile::check_is_free() const {
  if (is_there(path_)) {
    throw ConfigError(fmt::format("{} exists; name another file, or move it away first", path_));
  }
  for (const auto* suffix : {"-wal", "-journal", "-shm"}) {
    if (!is_there(path_ + suffix)) continue;
    throw ConfigError(fmt::format(
        "{}{} is there without its database, and SQLite would take it for the new one's; move it "
        "away first",
        path_, suffix));
  }
  std::error_code ignored;
  const auto folder = fs::path(path_).parent_path();
  if (folder.empty() || fs::is_directory(folder, ignored)) return;
  throw ConfigError(fmt::format("there is no folder {}; create it first", folder.string()));
}

// The kernel drops the lock when a process ends, however it ends.
void OutputFile::lock() {
  descriptor_ = ::open(partial_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  if (descriptor_ < 0) throw IoError("create", partial_, errno);
  const auto error = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  if (error == 0 && is_named(descriptor_, partial_)) return;
  ::close(descriptor_);
  if (error == 0) return lock();  // whoever had it has just removed it
  if (error != EWOULDBLOCK) throw IoError("lock", partial_, error);
  throw ConfigError(fmt::format("another restore is making {}", path_));
}

void OutputFile::finish() {
  if (!give_new_name(partial_, path_)) {
    throw ConfigError(fmt::format("{} has come meanwhile; name another file", path_));
  }
  is_finished_ = true;
}

}  // namespace understudy
