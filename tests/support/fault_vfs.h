// FaultVfs: a disk that fails, fills up, and loses power; for SQLite databases and our own Files
// alike, by the name() of the VFS. Lies on the default VFS; put its files on /dev/shm.
//
// A crash goes so:
//   vfs.kill();            // the "process" is dead: open handles write nothing any more
//   backend.reset(); …     // close them all
//   vfs.power_cut(seed);   // optional: lose what was not synced. Without it: kill -9
//   … open again
// Locks and shared memory (xShm*) pass through to the real VFS. Any thread. (docs/decisions/0003)
#pragma once

#include "tests/support/simulated_disk.h"

#include <memory>
#include <mutex>
#include <string>

struct sqlite3_vfs;

namespace understudy::test {

class FaultVfs {
 public:
  enum Call : unsigned { open = 1, read = 2, write = 4, truncate = 8, sync = 16, remove = 32 };
  static constexpr unsigned kChanges = open | write | truncate | sync | remove;
  static constexpr unsigned kAll = kChanges | read;
  enum class Failure { io_error, disk_full };

  FaultVfs();
  ~FaultVfs();  // all files must be closed
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  // Fails the nth (from 1) of the selected calls from now on; `for_ever`: and all after it.
  struct Plan {
    std::uint64_t nth = 1;
    bool for_ever = false;
    unsigned calls = kChanges;
    Failure failure = Failure::io_error;
  };
  void fail(const Plan& plan);
  void heal();                                // no failure any more; counts start anew
  [[nodiscard]] std::uint64_t calls() const;  // selected ones since fail() or heal()
  [[nodiscard]] bool has_failed() const;      // has the plan come to bear?

  // Writes that make the files together longer than this answer SQLITE_FULL. 0: no limit.
  void set_capacity(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t bytes_used() const;

  void kill();
  void power_cut(std::uint64_t seed);
  [[nodiscard]] int open_files() const;

  struct Handle;  // one open file
  struct Methods;

 private:
  friend struct Methods;
  // SQLITE_OK: go on. Else the error to answer.
  int before(Call call, int error);

  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  sqlite3_vfs* real_;
  mutable std::recursive_mutex mutex_;
  SimulatedDisk disk_;
  Plan plan_{.nth = 0};
  std::uint64_t calls_ = 0;
  bool has_failed_ = false;
  std::uint64_t capacity_ = 0;
  std::uint64_t life_ = 1;  // handles of an earlier life are dead
  int open_files_ = 0;
  int dead_files_ = 0;
};

}  // namespace understudy::test
