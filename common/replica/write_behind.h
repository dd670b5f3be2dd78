// WriteBehind: writes a file back to the disk from a thread of its own while another thread fills
// it, so that the sync that makes it durable finds little left to do. Makes nothing durable that
// anybody may rely on: that is the caller's own sync at the end.
//
// The thread begins with the first kEvery bytes, so that small files cost nothing. It opens the
// file for itself, so it must not be a database yet (closing would drop locks): the destructor,
// which waits for a sync under way, comes before any rename.
#pragma once

#include "common/core/types.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

namespace understudy {

class WriteBehind {
 public:
  static constexpr std::uint64_t kEvery = 32ull << 20;

  WriteBehind(std::string path, std::string vfs);
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  // So many more bytes were written. Throws what the thread's sync threw: a failed sync is final.
  void note_written(std::uint64_t bytes);

 private:
  void run();
  void sync_when_due();

  const std::string path_;
  const std::string vfs_;
  std::uint64_t unsynced_ = 0;  // the owner's count
  std::mutex mutex_;            // guards what follows
  std::condition_variable due_;
  bool is_due_ = false;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // the owner's; joins in the destructor
};

}  // namespace understudy
