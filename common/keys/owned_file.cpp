#include "common/keys/owned_file.h"

#include "common/core/errors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace understudy {
namespace {

constexpr std::size_t kLargest = 1024 * 1024;

struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

}  // namespace

std::string read_owned_file(const std::string& path, mode_t forbidden, const char* what_is_wrong,
                            const char* remedy) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && (errno == ENOENT || errno == EACCES)) {
    throw ConfigError(
        fmt::format("cannot read {}: {}", path,
                    errno == ENOENT ? "there is no such file" : "this user may not read it"));
  }
  if (fd < 0) throw IoError("open", path, errno);
  const Descriptor file{fd};
  struct stat found {};
  if (::fstat(fd, &found) != 0) throw IoError("look at", path, errno);
  if (!S_ISREG(found.st_mode)) throw ConfigError(fmt::format("{} is not a plain file", path));
  if ((found.st_mode & forbidden) != 0) {
    throw ConfigError(fmt::format("{} (mode {:04o}) {}: {} {}", path, found.st_mode & 07777,
                                  what_is_wrong, remedy, path));
  }
  if (found.st_uid != ::geteuid() && found.st_uid != 0) {
    throw ConfigError(fmt::format(
        "{} belongs to user {}, who can put another file in its place: chown it to the user that "
        "runs this node (uid {})",
        path, found.st_uid, ::geteuid()));
  }
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0) throw IoError("read", path, errno);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kLargest) throw ConfigError(fmt::format("{} is larger than 1 MiB", path));
  }
}

}  // namespace understudy
