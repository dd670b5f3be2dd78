#include "common/file/new_name.h"

#include "common/core/errors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace understudy {
namespace {

// File systems that cannot rename without replacing (some mounted buckets, old NFS).
bool rename_where_it_cannot_be_asked(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) {
    if (::unlink(from.c_str()) != 0) throw IoError("remove", from, errno);
    return true;
  }
  if (errno == EEXIST) return false;
  if (::access(to.c_str(), F_OK) == 0) return false;
  if (std::rename(from.c_str(), to.c_str()) != 0) throw IoError("rename", from, errno);
  return true;
}

}  // namespace

void sync_folder_of(const std::string& path) {
  const auto folder = std::filesystem::absolute(path).parent_path().string();
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw IoError("open folder", folder, errno);
  const int code = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  // EINVAL: folders of this file system cannot be synced, and need not be.
  if (code != 0 && code != EINVAL) throw IoError("sync folder", folder, code);
}

bool give_new_name(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) return false;
    if (errno != EINVAL && errno != ENOSYS) throw IoError("rename", from, errno);
    if (!rename_where_it_cannot_be_asked(from, to)) return false;
  }
  sync_folder_of(to);
  return true;
}

}  // namespace understudy
