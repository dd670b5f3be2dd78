#include "common/node/durable_file.h"

#include "common/core/errors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace understudy {
namespace {

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0)
      : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  [[nodiscard]] int get() const { return descriptor_; }

  void write(std::string_view text) {
    while (!text.empty()) {
      const auto written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) throw IoError("write", path_, errno);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void sync() {
    if (::fsync(descriptor_) != 0) throw IoError("sync", path_, errno);
  }

 private:
  std::string path_;
  int descriptor_;
};

}  // namespace

void sync_parent_folder(const std::string& path) {
  const auto folder = std::filesystem::absolute(path).parent_path().string();
  Descriptor descriptor(folder, O_RDONLY | O_DIRECTORY);
  if (!descriptor.is_open()) throw IoError("open folder", folder, errno);
  descriptor.sync();
}

void replace_file(const std::string& path, std::string_view text) {
  const auto fresh = path + ".new";
  {
    Descriptor descriptor(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!descriptor.is_open()) throw IoError("create", fresh, errno);
    descriptor.write(text);
    // Before the rename: else the new name could stand for an empty file after a power loss.
    descriptor.sync();
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) throw IoError("rename", fresh, errno);
  sync_parent_folder(path);
}

std::optional<std::string> read_whole_file(const std::string& path, std::size_t limit) {
  Descriptor descriptor(path, O_RDONLY);
  if (!descriptor.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw IoError("open", path, errno);
  }
  std::string text(limit + 1, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const auto count = ::read(descriptor.get(), text.data() + length, text.size() - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw IoError("read", path, errno);
    if (count == 0) break;
    length += static_cast<std::size_t>(count);
  }
  if (length > limit) throw IoError("read (too large)", path, 0);
  text.resize(length);
  return text;
}

}  // namespace understudy
