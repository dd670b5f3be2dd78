// ArchiveKeeper: the thread of a node that keeps its archive up to date (archiver.h).
//
// Invariants
//  - It never stops the node, nor keeps it from stopping: what fails is said and tried again, and a
//    disk that does not answer is left to itself.
//  - It stands back: the lowest priority.
//  - What keep_after() says is archived, durable and proved by its name.
//
// Thread: `archive`, its own. It needs nothing of the node but its files.
#pragma once

#include "common/archive/archiver.h"

#include <limits>
#include <memory>
#include <string>
#include <thread>

namespace understudy {

// What there is to say about it.
struct ArchiveView {
  std::string directory;
  ArchiveReport report;
  double behind_seconds = 0;  // age of the oldest record that is not archived; 0: none
  std::string last_error;     // of the last look; empty: it went well
  std::string warning;        // empty: all is well
};

class ArchiveKeeper {
 public:
  explicit ArchiveKeeper(ArchiveOptions options);
  ~ArchiveKeeper();
  ArchiveKeeper(const ArchiveKeeper&) = delete;
  ArchiveKeeper& operator=(const ArchiveKeeper&) = delete;

  // The log must keep the records after this one. Any thread.
  [[nodiscard]] Seq keep_after() const;
  [[nodiscard]] ArchiveView view() const;  // any thread
  // Archives what is left, for some seconds at most, when all went well before; then ends the
  // thread. The owner's thread.
  void end();

 private:
  struct Shared;  // of the thread and its owner; outlives a thread that does not come back
  static void run(Shared& shared);
  static void look(Shared& shared, Archiver& archiver, bool all);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace understudy
