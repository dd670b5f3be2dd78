// UpkeepThread: runs a backend's Upkeep beside the log thread whenever its WAL has grown, so that
// append() never waits for a checkpoint. A failure here harms nobody: the log thread meets the same
// disk and decides.
#pragma once

#include "common/backend/backend.h"
#include "common/core/periodic_thread.h"

namespace understudy {

class UpkeepThread {
 public:
  explicit UpkeepThread(const Backend& backend);  // the backend must outlive it

 private:
  [[nodiscard]] std::chrono::milliseconds keep_up();

  const Backend& backend_;
  std::uint64_t seen_ = 0;  // backlog when it last looked
  std::unique_ptr<Upkeep> upkeep_;
  PeriodicThread thread_;  // last: it uses the others
};

}  // namespace understudy
