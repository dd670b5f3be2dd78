#include "common/wal/write_fence.h"

#include "common/core/assert.h"

#include <sys/stat.h>

#include <thread>
#include <utility>

namespace understudy::wal {
namespace {

// Zeros when there is none.
std::pair<std::uint64_t, std::uint64_t> file_at(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

}  // namespace

WriteFence::WriteFence(const std::string& path, const std::string& vfs)
    : database_(std::in_place, path, vfs), file_(file_at(path)) {}

WriteFence::WriteFence(RawDatabase&& database)
    : database_(std::move(database)), file_(file_at(database_->path())) {
  US_ASSERT(is_held(), "a lock that is passed on is held");
}

WriteFence::WriteFence(WriteFence&& other) noexcept
    : database_(std::move(other.database_)), file_(other.file_) {
  other.database_.reset();
}

WriteFence& WriteFence::operator=(WriteFence&& other) noexcept {
  if (this == &other) return *this;
  release();
  database_.reset();
  file_ = other.file_;
  if (other.database_) database_.emplace(std::move(*other.database_));
  other.database_.reset();
  return *this;
}

WriteFence::~WriteFence() {
  release();
}

bool WriteFence::try_take() {
  if (is_held()) return true;
  auto& index = database_->index();
  // Recovery takes WRITE itself, so it comes before we do.
  if (!index.read_header()) database_->recover();
  if (!index.try_lock_exclusive(Lock::write)) return false;
  if (index.read_header()) return true;
  index.unlock_exclusive(Lock::write);  // a writer died in its commit, just before us
  return false;
}

bool WriteFence::take(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!try_take()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

bool WriteFence::is_held() const {
  return database_ && database_->index().holds_exclusive(Lock::write);
}

void WriteFence::release() {
  if (is_held()) database_->index().unlock_exclusive(Lock::write);
}

bool WriteFence::has_moved() const {
  return database_ && file_at(database_->path()) != file_;
}

std::optional<IndexHeader> WriteFence::header() {
  return is_held() ? database_->index().read_header() : std::nullopt;
}

RawDatabase WriteFence::hand_over() && {
  US_ASSERT(is_held(), "a lock that is passed on is held");
  RawDatabase database = std::move(*database_);
  database_.reset();
  return database;
}

}  // namespace understudy::wal
