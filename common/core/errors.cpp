#include "common/core/errors.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace understudy {
namespace {

// SQLite's primary result codes that matter here (sqlite3.h); this room does not include it.
constexpr int kSqliteBusy = 5;
constexpr int kSqliteLocked = 6;
constexpr int kSqliteFull = 13;
constexpr int kSqliteIoErrShmSize = 10 | (19 << 8);  // the wal-index could not grow

}  // namespace

IoError::IoError(std::string_view doing, std::string_view path, int code)
    : Error(code == 0 ? fmt::format("cannot {} {}", doing, path)
                      : fmt::format("cannot {} {}: {}", doing, path, std::strerror(code))),
      code_(code) {}

bool IoError::is_disk_full() const {
  return code_ == ENOSPC || code_ == EDQUOT;
}

SqliteError::SqliteError(std::string_view doing, std::string_view path, int code,
                         std::string_view message)
    : Error(fmt::format("cannot {} {}: {} (SQLite code {})", doing, path, message, code)),
      code_(code) {}

bool SqliteError::is_busy() const {
  return (code_ & 0xff) == kSqliteBusy || (code_ & 0xff) == kSqliteLocked;
}

bool SqliteError::is_disk_full() const {
  return (code_ & 0xff) == kSqliteFull || code_ == kSqliteIoErrShmSize;
}

bool is_disk_full(const std::exception& error) {
  if (const auto* io = dynamic_cast<const IoError*>(&error)) return io->is_disk_full();
  const auto* sqlite = dynamic_cast<const SqliteError*>(&error);
  return sqlite != nullptr && sqlite->is_disk_full();
}

}  // namespace understudy
