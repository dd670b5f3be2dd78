// RecordingVfs: the default VFS under another name, which notes what is written, truncated and
// synced, and can fail one such call. Knows just what File uses. One thread.
#pragma once

#include "common/core/types.h"

#include <memory>
#include <string>

struct sqlite3_file;
struct sqlite3_vfs;

namespace understudy::testing {

struct FileOperation {
  enum class Kind { write, truncate, sync } kind;
  std::uint64_t at = 0;  // offset of a write, size of a truncate
  Bytes bytes;
};

class RecordingVfs {
 public:
  RecordingVfs();
  ~RecordingVfs();
  RecordingVfs(const RecordingVfs&) = delete;
  RecordingVfs& operator=(const RecordingVfs&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  // What was done since the last call, to whatever file.
  [[nodiscard]] std::vector<FileOperation> take_operations() { return std::move(operations_); }
  // The n-th operation from now on (from 1) fails; a write gets half of its bytes written.
  // 0: none.
  void fail_at(int n) { fail_in_ = n; }
  [[nodiscard]] bool has_failed() const { return fail_in_ < 0; }

  // Called by the file methods. False: this operation fails.
  bool note(FileOperation operation);

 private:
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* got);

  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::vector<FileOperation> operations_;
  int fail_in_ = 0;
};

}  // namespace understudy::testing
