// DurableAhead: in a thread of its own, reads the records that are to be applied, makes them
// durable in the replica's own log, and unpacks them, some chunks ahead of who applies them.
//
// Invariant: what next() gives is durable in the own log.
// Memory: kAhead chunks of kChunkBytes, unpacked. One user thread; the two logs belong to the
// object.
#pragma once

#include "common/backend/backend.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

namespace understudy {

class DurableAhead {
 public:
  // Encoded parts, one batch after another. Empty: that was all.
  using Chunk = std::vector<Bytes>;

  // From part `from` of `source` to the end of record `until`, which it has.
  DurableAhead(LogReader& source, Backend& own_log, PartKey from, Seq until);
  ~DurableAhead();
  DurableAhead(const DurableAhead&) = delete;
  DurableAhead& operator=(const DurableAhead&) = delete;

  // Throws CorruptionError (it names the record), SqliteError.
  [[nodiscard]] Chunk next();

 private:
  static constexpr std::size_t kAhead = 4;
  static constexpr std::size_t kChunkBytes = 1024 * 1024;

  void run();
  [[nodiscard]] Chunk read_chunk();
  void append(std::span<const BatchView> views);
  [[nodiscard]] bool put(Chunk chunk);
  [[noreturn]] void damaged(Seq seq) const;

  // Of the thread.
  LogReader& source_;
  Backend& own_log_;
  PartKey from_;
  const Seq until_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Chunk> chunks_;
  std::exception_ptr failure_;
  bool is_over_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace understudy
