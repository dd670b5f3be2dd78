// SocketPath: a path for a Unix socket that fits into the 107 bytes of sockaddr_un, however long
// the state directory's own path is. Valid while the object lives. Any thread.
#pragma once

#include <string>

namespace understudy {

class SocketPath {
 public:
  // Throws IoError when the folder of `path` cannot be opened.
  explicit SocketPath(const std::string& path);
  ~SocketPath();
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;

  [[nodiscard]] const std::string& get() const { return short_path_; }

 private:
  int folder_ = -1;
  std::string short_path_;
};

}  // namespace understudy
