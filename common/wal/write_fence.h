// WriteFence: SQLite's write lock on a database, held by a connection of its own. While it is held
// no application can write; readers notice nothing. The kernel drops it when the process dies.
//
// Used to fence a primary's application, and to pass the lock from one role of a node to the next
// without an instant in between: a Replica gives its lock up as a fence, and takes one over.
//
// One thread at a time; it may be moved to another thread while held.
#pragma once

#include "common/wal/raw_database.h"

#include <chrono>
#include <cstdint>
#include <utility>

namespace understudy::wal {

class WriteFence {
 public:
  // Opens the database; takes nothing yet. Throws as RawDatabase does.
  explicit WriteFence(const std::string& path, const std::string& vfs = {});
  // `database` holds the lock already (asserted).
  explicit WriteFence(RawDatabase&& database);
  WriteFence(WriteFence&& other) noexcept;  // `other` is empty then
  WriteFence& operator=(WriteFence&& other) noexcept;
  WriteFence(const WriteFence&) = delete;
  WriteFence& operator=(const WriteFence&) = delete;
  ~WriteFence();  // releases

  // True: held (now, or already). False: a transaction of somebody else is open.
  [[nodiscard]] bool try_take();
  // Tries each millisecond, so that it stands in at the first moment between two transactions.
  [[nodiscard]] bool take(std::chrono::milliseconds patience);
  [[nodiscard]] bool is_held() const;
  void release();
  // The path leads to another file by now: a lock on this one keeps nobody out there.
  [[nodiscard]] bool has_moved() const;
  // What is committed; it does not move while the lock is held. nullopt: not held.
  [[nodiscard]] std::optional<IndexHeader> header();

  // The connection, with the lock held (asserted); the fence is empty then.
  [[nodiscard]] RawDatabase hand_over() &&;

 private:
  std::optional<RawDatabase> database_;
  std::pair<std::uint64_t, std::uint64_t> file_;  // device and inode, as it was opened
};

}  // namespace understudy::wal
