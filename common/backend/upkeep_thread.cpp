#include "common/backend/upkeep_thread.h"

#include "common/core/errors.h"

#include <utility>

namespace understudy {
namespace {

// A log that is written as fast as a machine can stays far below Backend::kWalLimit meanwhile.
constexpr std::chrono::milliseconds kLookEvery{200};
constexpr std::chrono::milliseconds kRestEvery{1000};

}  // namespace

UpkeepThread::UpkeepThread(const Backend& backend)
    : backend_(backend), thread_("upkeep", kLookEvery, [this] { return keep_up(); }) {}

std::chrono::milliseconds UpkeepThread::keep_up() {
  const auto before = std::exchange(seen_, backend_.wal_backlog());
  if (seen_ < Backend::kWalBacklogTarget) return seen_ == before ? kRestEvery : kLookEvery;
  try {
    if (!upkeep_) upkeep_ = backend_.open_upkeep();
    upkeep_->run();
  } catch (const Error&) {
    upkeep_.reset();  // tried again with a new connection; append() reports what is really wrong
  }
  return kLookEvery;
}

}  // namespace understudy
