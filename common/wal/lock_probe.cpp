#include "common/wal/lock_probe.h"

#include "common/core/errors.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace understudy::wal {
namespace {

constexpr off_t kLockOffset = 120;  // the first lock byte in the -shm file

// The descriptor of this process that stands for the same file; -1 when there is none.
int find_descriptor(const struct stat& wanted) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const auto name = entry.path().filename().string();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    struct stat status {};
    if (descriptor >= 0 && ::fstat(descriptor, &status) == 0 && status.st_dev == wanted.st_dev &&
        status.st_ino == wanted.st_ino) {
      return descriptor;
    }
  }
  return -1;
}

}  // namespace

LockProbe::LockProbe(const std::string& database_path) : path_(database_path + "-shm") {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) throw IoError("look at", path_, errno);
  descriptor_ = find_descriptor(status);
  if (descriptor_ < 0) throw IoError("find SQLite's descriptor of", path_, 0);
}

std::optional<pid_t> LockProbe::holder(Lock lock) const {
  struct flock query {};
  query.l_type = F_WRLCK;
  query.l_whence = SEEK_SET;
  query.l_start = kLockOffset + static_cast<int>(lock);
  query.l_len = 1;
  if (::fcntl(descriptor_, F_GETLK, &query) != 0) throw IoError("query locks of", path_, errno);
  if (query.l_type == F_UNLCK) return std::nullopt;
  return query.l_pid;
}

}  // namespace understudy::wal
