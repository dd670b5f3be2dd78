#include "common/node/state_directory.h"

#include "common/core/errors.h"
#include "common/node/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace understudy {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

void check_is_private_folder(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw IoError("look at", path, errno);
  if (!S_ISDIR(info.st_mode)) {
    throw ConfigError(fmt::format(
        "{} is in the way: the state directory goes there; name another one with --state", path));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw ConfigError(fmt::format(
        "state directory {} can be written by other users; run: chmod 700 {}", path, path));
  }
}

std::string read_owner_pid(int descriptor) {
  std::array<char, 32> text{};
  const auto length = ::pread(descriptor, text.data(), text.size(), 0);
  std::string pid(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  pid = pid.substr(0, pid.find('\n'));
  const bool is_number = !pid.empty() && pid.find_first_not_of("0123456789") == pid.npos;
  return is_number ? pid : "unknown";
}

}  // namespace

StateDirectory::StateDirectory(std::string path) : path_(std::move(path)) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
}

std::string StateDirectory::default_path(const std::string& database) {
  return database + "-understudy";
}

bool StateDirectory::exists() const {
  struct stat info {};
  return ::stat(path_.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

void StateDirectory::create() const {
  if (::mkdir(path_.c_str(), kDirectoryMode) == 0) {
    sync_parent_folder(path_);
    return;
  }
  if (errno != EEXIST) throw IoError("create state directory", path_, errno);
  check_is_private_folder(path_);
}

StateLock::StateLock(const StateDirectory& directory)
    : descriptor_(::open(directory.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode)) {
  if (descriptor_ < 0) throw IoError("open", directory.lock(), errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    const auto owner = read_owner_pid(descriptor_);
    ::close(descriptor_);
    if (code != EWOULDBLOCK) throw IoError("lock", directory.lock(), code);
    throw ConfigError(
        fmt::format("state directory {} is in use: already running as pid {}; stop that process "
                    "first, or ask it with: understudy status --state {}",
                    directory.path(), owner, directory.path()));
  }
  const auto pid = fmt::format("{}\n", ::getpid());
  // Only the message of a second instance reads it: no sync.
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const int code = errno;
    ::close(descriptor_);
    throw IoError("write", directory.lock(), code);
  }
}

StateLock::~StateLock() {
  ::close(descriptor_);
}

}  // namespace understudy
