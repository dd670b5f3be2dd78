#include "tests/record/recording_vfs.h"

#include <sqlite3.h>

namespace understudy::testing {
namespace {

struct RecordedFile {
  sqlite3_file base;  // first: SQLite's view of this struct
  RecordingVfs* vfs;
  sqlite3_file* real;  // lies behind this struct
};

RecordedFile* recorded(sqlite3_file* file) {
  return reinterpret_cast<RecordedFile*>(file);
}

sqlite3_file* real(sqlite3_file* file) {
  return recorded(file)->real;
}

int close(sqlite3_file* file) {
  return real(file)->pMethods->xClose(real(file));
}

int read(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
  return real(file)->pMethods->xRead(real(file), to, size, at);
}

int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  const auto* bytes = static_cast<const std::byte*>(from);
  const bool fails = !recorded(file)->vfs->note(
      {FileOperation::Kind::write, static_cast<std::uint64_t>(at), {bytes, bytes + size}});
  const int code = real(file)->pMethods->xWrite(real(file), from, fails ? size / 2 : size, at);
  return fails ? SQLITE_IOERR_WRITE : code;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (!recorded(file)->vfs->note(
          {FileOperation::Kind::truncate, static_cast<std::uint64_t>(size), {}})) {
    return SQLITE_IOERR_TRUNCATE;
  }
  return real(file)->pMethods->xTruncate(real(file), size);
}

int sync(sqlite3_file* file, int flags) {
  if (!recorded(file)->vfs->note({FileOperation::Kind::sync, 0, {}})) return SQLITE_IOERR_FSYNC;
  return real(file)->pMethods->xSync(real(file), flags);
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}

sqlite3_io_methods recorded_methods() {
  sqlite3_io_methods methods{};
  methods.iVersion = 1;
  methods.xClose = close;
  methods.xRead = read;
  methods.xWrite = write;
  methods.xTruncate = truncate;
  methods.xSync = sync;
  methods.xFileSize = file_size;
  return methods;
}

}  // namespace

RecordingVfs::RecordingVfs()
    : name_("recording"), vfs_(new sqlite3_vfs(*sqlite3_vfs_find(nullptr))) {
  vfs_->zName = name_.c_str();
  vfs_->pNext = nullptr;
  vfs_->szOsFile += static_cast<int>(sizeof(RecordedFile));
  vfs_->pAppData = this;
  vfs_->xOpen = open;
  sqlite3_vfs_register(vfs_.get(), 0);
}

RecordingVfs::~RecordingVfs() {
  sqlite3_vfs_unregister(vfs_.get());
}

int RecordingVfs::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                       int* got) {
  static const sqlite3_io_methods methods = recorded_methods();
  auto* const beneath = sqlite3_vfs_find(nullptr);
  auto* const self = recorded(file);
  self->vfs = static_cast<RecordingVfs*>(vfs->pAppData);
  self->real = reinterpret_cast<sqlite3_file*>(self + 1);
  self->base.pMethods = nullptr;
  const int code = beneath->xOpen(beneath, name, self->real, flags, got);
  if (code == SQLITE_OK) self->base.pMethods = &methods;
  return code;
}

bool RecordingVfs::note(FileOperation operation) {
  operations_.push_back(std::move(operation));
  if (fail_in_ > 0 && --fail_in_ == 0) {
    fail_in_ = -1;
    return false;
  }
  return true;
}

}  // namespace understudy::testing
