#include "common/file/file.h"

#include "common/core/errors.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace understudy {
namespace {

constexpr std::size_t kLargestWrite = 64 * 1024;  // unix xWrite takes at most 128 KiB a call

sqlite3_vfs* find_vfs(const std::string& name) {
  auto* vfs = sqlite3_vfs_find(name.empty() ? nullptr : name.c_str());
  if (vfs == nullptr) throw IoError("find the VFS", name, 0);
  return vfs;
}

int open_flags(File::Mode mode) {
  // The type SUBJOURNAL makes SQLite's unix VFS open a plain file: no locks, no name rules.
  constexpr int kType = SQLITE_OPEN_SUBJOURNAL;
  switch (mode) {
    case File::Mode::read_only:
      return kType | SQLITE_OPEN_READONLY;
    case File::Mode::read_write:
      return kType | SQLITE_OPEN_READWRITE;
    case File::Mode::create:
      return kType | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  }
  std::abort();
}

int error_number(int code) {
  if ((code & 0xff) == SQLITE_FULL) return ENOSPC;
  return errno;
}

}  // namespace

void File::Close::operator()(sqlite3_file* file) const {
  if (file->pMethods != nullptr) file->pMethods->xClose(file);
  std::free(file);
}

File::File(const std::string& path, Mode mode, const std::string& vfs_name) : path_(path) {
  auto* vfs = find_vfs(vfs_name);
  auto* raw = static_cast<sqlite3_file*>(std::calloc(1, static_cast<std::size_t>(vfs->szOsFile)));
  if (raw == nullptr) throw std::bad_alloc();
  file_.reset(raw);
  errno = 0;
  int got = 0;
  const int code = vfs->xOpen(vfs, path_.c_str(), raw, open_flags(mode), &got);
  if (code != SQLITE_OK) throw IoError("open", path_, errno);
  if (mode != Mode::read_only && (got & SQLITE_OPEN_READONLY) != 0) {
    throw IoError("open for writing", path_, EACCES);
  }
}

File::~File() = default;
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;

std::size_t File::read(std::uint64_t offset, std::span<std::byte> out) const {
  errno = 0;
  const int code = file_->pMethods->xRead(file_.get(), out.data(), static_cast<int>(out.size()),
                                          static_cast<sqlite3_int64>(offset));
  if (code == SQLITE_OK) return out.size();
  if (code != SQLITE_IOERR_SHORT_READ) throw IoError("read", path_, errno);
  const auto length = size();
  return offset >= length
             ? 0
             : static_cast<std::size_t>(std::min<std::uint64_t>(length - offset, out.size()));
}

void File::write(std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kLargestWrite));
    errno = 0;
    const int code =
        file_->pMethods->xWrite(file_.get(), piece.data(), static_cast<int>(piece.size()),
                                static_cast<sqlite3_int64>(offset));
    if (code != SQLITE_OK) throw IoError("write", path_, error_number(code));
    offset += piece.size();
    bytes = bytes.subspan(piece.size());
  }
}

void File::truncate(std::uint64_t size) {
  errno = 0;
  if (file_->pMethods->xTruncate(file_.get(), static_cast<sqlite3_int64>(size)) != SQLITE_OK) {
    throw IoError("truncate", path_, errno);
  }
}

void File::sync() {
  errno = 0;
  if (file_->pMethods->xSync(file_.get(), SQLITE_SYNC_NORMAL) != SQLITE_OK) {
    throw IoError("sync", path_, errno);
  }
}

std::uint64_t File::size() const {
  sqlite3_int64 size = 0;
  errno = 0;
  if (file_->pMethods->xFileSize(file_.get(), &size) != SQLITE_OK)
    throw IoError("measure", path_, errno);
  return static_cast<std::uint64_t>(size);
}

bool File::exists(const std::string& path, const std::string& vfs_name) {
  auto* vfs = find_vfs(vfs_name);
  int found = 0;
  if (vfs->xAccess(vfs, path.c_str(), SQLITE_ACCESS_EXISTS, &found) != SQLITE_OK) {
    throw IoError("look for", path, errno);
  }
  return found != 0;
}

void File::remove(const std::string& path, const std::string& vfs_name) {
  auto* vfs = find_vfs(vfs_name);
  const int code = vfs->xDelete(vfs, path.c_str(), 1);
  if (code != SQLITE_OK && code != SQLITE_IOERR_DELETE_NOENT) throw IoError("remove", path, errno);
}

}  // namespace understudy
