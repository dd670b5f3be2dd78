#include "common/backend/upkeep_thread.h"

#include "common/core/errors.h"

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kLookEvery{200};

}  // namespace

UpkeepThread::UpkeepThread(const Backend& backend)
    : backend_(backend), thread_("upkeep", kLookEvery, [this] { keep_up(); }) {}

void UpkeepThread::keep_up() {
  if (backend_.wal_backlog() < Backend::kWalBacklogTarget) return;
  try {
    if (!upkeep_) upkeep_ = backend_.open_upkeep();
    upkeep_->run();
  } catch (const Error&) {
    upkeep_.reset();  // tried again with a new connection; append() reports what is really wrong
  }
}

}  // namespace understudy
