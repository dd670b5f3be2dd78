#include "tests/support/fault_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace understudy::test {

struct FaultVfs::Handle : sqlite3_file {
  FaultVfs* owner;
  std::string* path;  // nullptr: a nameless temporary file, passed through
  std::uint64_t life;
  bool syncs_folder;  // with its next sync
  sqlite3_file* real;
};

// What SQLite calls. Each: is the handle alive, is a failure due, do it, note it.
struct FaultVfs::Methods {
  using Lock = std::lock_guard<std::recursive_mutex>;

  static Handle& of(sqlite3_file* file) { return *static_cast<Handle*>(file); }
  static FaultVfs& of(sqlite3_vfs* vfs) { return *static_cast<FaultVfs*>(vfs->pAppData); }
  static bool is_dead(const Handle& handle) { return handle.life != handle.owner->life_; }
  static std::string canonical(const char* path) {
    return std::filesystem::absolute(path).lexically_normal().string();
  }

  static int close(sqlite3_file* file) {
    auto& handle = of(file);
    const Lock lock(handle.owner->mutex_);
    if (is_dead(handle)) --handle.owner->dead_files_;
    --handle.owner->open_files_;
    delete handle.path;
    return handle.real->pMethods->xClose(handle.real);
  }

  static int read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
    auto& handle = of(file);
    const Lock lock(handle.owner->mutex_);
    if (is_dead(handle)) return SQLITE_IOERR_READ;
    if (const int error = handle.owner->before(Call::read, SQLITE_IOERR_READ)) return error;
    return handle.real->pMethods->xRead(handle.real, to, size, offset);
  }

  static int write_and_note(Handle& handle, const void* from, int size, sqlite3_int64 offset) {
    const int code = handle.real->pMethods->xWrite(handle.real, from, size, offset);
    if (code == SQLITE_OK && handle.path != nullptr) {
      handle.owner->disk_.wrote(
          *handle.path, static_cast<std::uint64_t>(offset),
          {static_cast<const std::byte*>(from), static_cast<std::size_t>(size)});
    }
    return code;
  }

  static bool exceeds_capacity(const Handle& handle, std::uint64_t end) {
    const auto& owner = *handle.owner;
    if (owner.capacity_ == 0 || handle.path == nullptr) return false;
    const auto size = owner.disk_.size_of(*handle.path);
    return end > size && owner.disk_.bytes_used() + end - size > owner.capacity_;
  }

  static int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    auto& handle = of(file);
    const Lock lock(handle.owner->mutex_);
    if (is_dead(handle)) return SQLITE_IOERR_WRITE;
    if (const int error = handle.owner->before(Call::write, SQLITE_IOERR_WRITE)) {
      write_and_note(handle, from, size / 2, offset);  // a failed write may have done half
      return error;
    }
    if (exceeds_capacity(handle, static_cast<std::uint64_t>(offset + size))) return SQLITE_FULL;
    return write_and_note(handle, from, size, offset);
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    auto& handle = of(file);
    const Lock lock(handle.owner->mutex_);
    if (is_dead(handle)) return SQLITE_IOERR_TRUNCATE;
    if (const int error = handle.owner->before(Call::truncate, SQLITE_IOERR_TRUNCATE)) return error;
    const int code = handle.real->pMethods->xTruncate(handle.real, size);
    if (code == SQLITE_OK && handle.path != nullptr) {
      handle.owner->disk_.truncated(*handle.path, static_cast<std::uint64_t>(size));
    }
    return code;
  }

  // The real sync is left out: the simulated disk is the one that counts.
  static int sync(sqlite3_file* file, int) {
    auto& handle = of(file);
    const Lock lock(handle.owner->mutex_);
    if (is_dead(handle)) return SQLITE_IOERR_FSYNC;
    const int error = handle.owner->before(Call::sync, SQLITE_IOERR_FSYNC);
    if (handle.path == nullptr) return error;
    if (error != SQLITE_OK) {
      handle.owner->disk_.sync_failed(*handle.path);
      return error;
    }
    handle.owner->disk_.synced(*handle.path, handle.syncs_folder);
    handle.syncs_folder = false;
    return SQLITE_OK;
  }

  static int file_size(sqlite3_file* file, sqlite3_int64* size) {
    auto& handle = of(file);
    return handle.real->pMethods->xFileSize(handle.real, size);
  }
  static int lock(sqlite3_file* file, int level) {
    auto& handle = of(file);
    if (is_dead(handle)) return SQLITE_IOERR_LOCK;
    return handle.real->pMethods->xLock(handle.real, level);
  }
  static int unlock(sqlite3_file* file, int level) {
    return of(file).real->pMethods->xUnlock(of(file).real, level);
  }
  static int check_reserved(sqlite3_file* file, int* result) {
    return of(file).real->pMethods->xCheckReservedLock(of(file).real, result);
  }
  static int file_control(sqlite3_file* file, int operation, void* argument) {
    return of(file).real->pMethods->xFileControl(of(file).real, operation, argument);
  }
  static int sector_size(sqlite3_file* file) {
    return of(file).real->pMethods->xSectorSize(of(file).real);
  }
  static int characteristics(sqlite3_file* file) {
    return of(file).real->pMethods->xDeviceCharacteristics(of(file).real);
  }
  static int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** to) {
    if (is_dead(of(file))) return SQLITE_IOERR_SHMMAP;
    return of(file).real->pMethods->xShmMap(of(file).real, page, size, extend, to);
  }
  static int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    if (is_dead(of(file)) && (flags & SQLITE_SHM_LOCK) != 0) return SQLITE_IOERR_SHMLOCK;
    return of(file).real->pMethods->xShmLock(of(file).real, offset, count, flags);
  }
  static void shm_barrier(sqlite3_file* file) {
    of(file).real->pMethods->xShmBarrier(of(file).real);
  }
  static int shm_unmap(sqlite3_file* file, int remove) {
    return of(file).real->pMethods->xShmUnmap(of(file).real, is_dead(of(file)) ? 0 : remove);
  }

  static int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags,
                  int* out_flags) {
    auto& owner = of(vfs);
    auto& handle = of(file);
    file->pMethods = nullptr;
    const Lock lock(owner.mutex_);
    if (owner.dead_files_ > 0) return SQLITE_CANTOPEN;
    if (const int error = owner.before(Call::open, SQLITE_CANTOPEN)) return error;
    handle.real = reinterpret_cast<sqlite3_file*>(&handle + 1);
    const bool existed = name != nullptr && std::filesystem::exists(name);
    const int code = owner.real_->xOpen(owner.real_, name, handle.real, flags, out_flags);
    if (code != SQLITE_OK) return code;
    constexpr int kJournals =
        SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    handle.owner = &owner;
    handle.life = owner.life_;
    handle.path = name == nullptr ? nullptr : new std::string(canonical(name));
    handle.syncs_folder = !existed && (flags & kJournals) != 0;
    if (handle.path != nullptr) owner.disk_.opened(*handle.path, !existed);
    ++owner.open_files_;
    file->pMethods = methods();
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* vfs, const char* path, int sync_folder) {
    auto& owner = of(vfs);
    const Lock lock(owner.mutex_);
    if (owner.dead_files_ > 0) return SQLITE_IOERR_DELETE;
    if (const int error = owner.before(Call::remove, SQLITE_IOERR_DELETE)) return error;
    const int code = owner.real_->xDelete(owner.real_, path, 0);
    if (code == SQLITE_OK) owner.disk_.removed(canonical(path), sync_folder != 0);
    return code;
  }

  static int access(sqlite3_vfs* vfs, const char* path, int flags, int* result) {
    return of(vfs).real_->xAccess(of(vfs).real_, path, flags, result);
  }
  static int full_path(sqlite3_vfs* vfs, const char* path, int size, char* out) {
    return of(vfs).real_->xFullPathname(of(vfs).real_, path, size, out);
  }
  static int randomness(sqlite3_vfs* vfs, int size, char* out) {
    return of(vfs).real_->xRandomness(of(vfs).real_, size, out);
  }
  static int sleep(sqlite3_vfs* vfs, int us) { return of(vfs).real_->xSleep(of(vfs).real_, us); }
  static int current_time(sqlite3_vfs* vfs, sqlite3_int64* time) {
    return of(vfs).real_->xCurrentTimeInt64(of(vfs).real_, time);
  }
  static int last_error(sqlite3_vfs* vfs, int size, char* out) {
    return of(vfs).real_->xGetLastError(of(vfs).real_, size, out);
  }

  static const sqlite3_io_methods* methods();
};

const sqlite3_io_methods* FaultVfs::Methods::methods() {
  static const sqlite3_io_methods table = [] {
    sqlite3_io_methods m{};
    m.iVersion = 2;  // shared memory, but no xFetch: memory-mapped I/O would go past us
    m.xClose = close;
    m.xRead = read;
    m.xWrite = write;
    m.xTruncate = truncate;
    m.xSync = sync;
    m.xFileSize = file_size;
    m.xLock = lock;
    m.xUnlock = unlock;
    m.xCheckReservedLock = check_reserved;
    m.xFileControl = file_control;
    m.xSectorSize = sector_size;
    m.xDeviceCharacteristics = characteristics;
    m.xShmMap = shm_map;
    m.xShmLock = shm_lock;
    m.xShmBarrier = shm_barrier;
    m.xShmUnmap = shm_unmap;
    return m;
  }();
  return &table;
}

FaultVfs::FaultVfs() : vfs_(std::make_unique<sqlite3_vfs>()), real_(sqlite3_vfs_find(nullptr)) {
  static std::atomic<int> number{0};
  name_ = "fault-" + std::to_string(++number);
  vfs_->iVersion = 2;
  vfs_->szOsFile = static_cast<int>(sizeof(Handle)) + real_->szOsFile;
  vfs_->mxPathname = real_->mxPathname;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = Methods::open;
  vfs_->xDelete = Methods::remove;
  vfs_->xAccess = Methods::access;
  vfs_->xFullPathname = Methods::full_path;
  vfs_->xRandomness = Methods::randomness;
  vfs_->xSleep = Methods::sleep;
  vfs_->xCurrentTimeInt64 = Methods::current_time;
  vfs_->xGetLastError = Methods::last_error;
  sqlite3_vfs_register(vfs_.get(), 0);
}

FaultVfs::~FaultVfs() {
  if (open_files_ != 0) {
    std::fprintf(stderr, "FaultVfs: %d files are still open\n", open_files_);
    std::abort();
  }
  sqlite3_vfs_unregister(vfs_.get());
}

int FaultVfs::before(Call call, int error) {
  if ((plan_.calls & call) == 0) return SQLITE_OK;
  ++calls_;
  const bool due = plan_.nth != 0 && (plan_.for_ever ? calls_ >= plan_.nth : calls_ == plan_.nth);
  if (!due) return SQLITE_OK;
  has_failed_ = true;
  const bool fills = call == Call::write || call == Call::open;
  return plan_.failure == Failure::disk_full && fills ? SQLITE_FULL : error;
}

void FaultVfs::fail(const Plan& plan) {
  const std::lock_guard lock(mutex_);
  plan_ = plan;
  calls_ = 0;
  has_failed_ = false;
}

void FaultVfs::heal() {
  fail({.nth = 0});
}

std::uint64_t FaultVfs::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

bool FaultVfs::has_failed() const {
  const std::lock_guard lock(mutex_);
  return has_failed_;
}

void FaultVfs::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

std::uint64_t FaultVfs::bytes_used() const {
  const std::lock_guard lock(mutex_);
  return disk_.bytes_used();
}

void FaultVfs::kill() {
  const std::lock_guard lock(mutex_);
  ++life_;
  dead_files_ = open_files_;
}

void FaultVfs::power_cut(std::uint64_t seed) {
  const std::lock_guard lock(mutex_);
  if (open_files_ != 0) {
    std::fprintf(stderr, "FaultVfs: close the %d open files before the power cut\n", open_files_);
    std::abort();
  }
  disk_.cut(seed);
}

int FaultVfs::open_files() const {
  const std::lock_guard lock(mutex_);
  return open_files_;
}

}  // namespace understudy::test
