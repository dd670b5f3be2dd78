#include "common/node/control_path.h"

#include "common/core/errors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace understudy {

SocketPath::SocketPath(const std::string& path) : short_path_(path) {
  if (path.size() < sizeof(sockaddr_un{}.sun_path)) return;
  const std::filesystem::path full(path);
  folder_ = ::open(full.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder_ < 0) throw IoError("open folder", full.parent_path().string(), errno);
  short_path_ = fmt::format("/proc/self/fd/{}/{}", folder_, full.filename().string());
}

SocketPath::~SocketPath() {
  if (folder_ >= 0) ::close(folder_);
}

}  // namespace understudy
