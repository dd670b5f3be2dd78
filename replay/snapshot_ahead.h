// SnapshotAhead: reads a snapshot in a thread of its own, some frames ahead of who uses them:
// decompressing and hashing cost about as much as writing the pages does.
//
// Memory: kAhead frames. One user thread.
#pragma once

#include "common/snapshot/snapshot.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

namespace understudy {

class SnapshotAhead {
 public:
  struct Item {
    SnapshotFrame frame;
    std::vector<PageHash> hashes;  // of SnapshotPages
  };

  explicit SnapshotAhead(std::unique_ptr<SnapshotReader> reader);
  ~SnapshotAhead();
  SnapshotAhead(const SnapshotAhead&) = delete;
  SnapshotAhead& operator=(const SnapshotAhead&) = delete;

  // As SnapshotReader::next(); throws what that threw.
  [[nodiscard]] Item next();

 private:
  static constexpr std::size_t kAhead = 8;

  void run();
  void read_all();
  [[nodiscard]] bool put(Item item);

  std::unique_ptr<SnapshotReader> reader_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Item> items_;
  std::exception_ptr failure_;
  bool is_over_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace understudy
