#include "common/wal/attachable.h"

#include "common/core/errors.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace understudy::wal {
namespace {

struct NamedMagic {
  unsigned long magic;
  const char* name;
};

// From statfs(2) and linux/magic.h. FUSE is not among them: most of what it mounts is local.
constexpr std::array<NamedMagic, 14> kNetworkFileSystems{
    {{0x6969, "NFS"},
     {0x517b, "SMB"},
     {0xfe534d42, "SMB2"},
     {0xff534d42, "CIFS"},
     {0x00c36400, "CephFS"},
     {0x01021997, "9P"},
     {0x5346414f, "AFS"},
     {0x6b414653, "kAFS"},
     {0x73757245, "Coda"},
     {0x564c, "NCP"},
     {0x0bd00bd0, "Lustre"},
     {0x47504653, "GPFS"},
     {0x19830326, "BeeGFS"},
     {0x786f4256, "VirtualBox shared folder"}}};

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void check_is_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      throw ConfigError(fmt::format("there is no database {}", path));
    }
    throw ConfigError(fmt::format("cannot look at {}: {}", path, std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) throw ConfigError(fmt::format("{} is not a file", path));
  if (status.st_size == 0) {
    throw ConfigError(fmt::format(
        "{} is empty: not an SQLite database yet; let the application create it", path));
  }
}

void check_is_local(const std::string& path) {
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) {
    throw ConfigError(
        fmt::format("cannot look at the file system of {}: {}", path, std::strerror(errno)));
  }
  if (const auto* name =
          network_file_system(static_cast<unsigned long>(status.f_type) & 0xffffffffUL)) {
    throw ConfigError(
        fmt::format("{} is on a network file system ({}), where processes cannot "
                    "share SQLite's WAL; run this on the machine that has the disk",
                    path, name));
  }
}

void check_permission(const std::string& path, int mode, const char* what) {
  if (::access(path.c_str(), mode) == 0) return;
  if (errno == ENOENT) return;
  const char* why = errno == EROFS ? "the file system is read-only" : "no permission";
  throw ConfigError(fmt::format("cannot {} {}: {}", what, path, why));
}

}  // namespace

const char* network_file_system(unsigned long magic) {
  for (const auto& entry : kNetworkFileSystems) {
    if (entry.magic == magic) return entry.name;
  }
  return nullptr;
}

void check_file_system(const std::string& path) {
  check_is_file(path);
  check_is_local(path);
  check_permission(path, R_OK, "read");
  check_permission(path, W_OK, "write");
  // The -wal and -shm files beside it must be there to write, or be creatable.
  check_permission(folder_of(path), W_OK | X_OK, "create files in");
  check_permission(path + "-wal", R_OK | W_OK, "read and write");
  check_permission(path + "-shm", R_OK | W_OK, "read and write");
}

}  // namespace understudy::wal
