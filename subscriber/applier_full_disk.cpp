// Applier: a full disk, of the database or of the state directory, is waited out. After an
// exception a replica may only be destroyed, so it is opened anew; its write lock is kept
// meanwhile, so that nobody writes into a standby. What was to be applied is in the log, and what
// was staged is in the stage's file: nothing is lost, and no more is done again than the unfinished
// commit or group.
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/logging/log.h"
#include "subscriber/applier.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace understudy {
namespace {

constexpr std::int64_t kFirstRetry_us = 250'000;
constexpr std::int64_t kLongestRetry_us = 5'000'000;
constexpr std::int64_t kLookEvery_us = 250'000;
// With less there is no use in trying: a commit and what it needs beside it want more.
constexpr std::uintmax_t kLeastSpace = 1024 * 1024;

bool has_space(const std::filesystem::path& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder.empty() ? "." : folder, error);
  return error || space.available >= kLeastSpace;  // who cannot look has to try
}

}  // namespace

void Applier::wait_for_space(const std::string& reason) {
  if (is_resyncing_) resync_failure_ = "its disk was full";
  stage_.reset();
  wants_finish_ = false;
  progress_.end();
  checkpoint_thread_.reset();
  checkpointer_.reset();
  if (replica_) kept_lock_ = replica_->give_up_lock();
  replica_.reset();
  log_.reset();
  publish_outline();
  const auto now = monotonic_time_us();
  retry_delay_us_ = std::clamp(2 * retry_delay_us_, kFirstRetry_us, kLongestRetry_us);
  retry_at_us_ = now + retry_delay_us_;
  if (full_disk_.came(reason, now)) log::error("apply_disk_full", reason);
  const std::lock_guard lock(mutex_);
  trouble_ = "the disk is full, so records are not applied: " + reason;
}

bool Applier::may_try_again() {
  const auto now = monotonic_time_us();
  if (now < retry_at_us_) return false;
  if (has_space(std::filesystem::path(database_).parent_path()) && has_space(directory_.path()))
    return true;
  retry_at_us_ = now + kLookEvery_us;
  return false;
}

// A resync begins anew: the Follower does not know how far the one before came.
void Applier::try_again() {
  retry_at_us_ = 0;
  if (const auto failure = std::exchange(resync_failure_, std::nullopt)) {
    fail_resync(*failure);
  } else if (!replica_ && !is_lost_ && !is_resyncing_) {
    reopen_replica();
  }
}

void Applier::reopen_replica() {
  log_ = open_log_();
  open_replica(stream_, std::exchange(kept_lock_, std::nullopt));
  const auto position = locate({});
  is_lost_ = !position;
  has_more_ = true;
  publish_outline();
  if (position) {
    tell_([at = *position](Follower& follower) { follower.on_applied(at); });
  } else if (!due_.rewound_to) {  // else that answer says so
    lose_replica("after its disk was full the replica shows no state of the log");
  }
}

void Applier::answer_nobody() {
  for (auto& question : due_.questions) question.done(std::nullopt);
  due_.questions.clear();
}

void Applier::note_space_again() {
  retry_delay_us_ = 0;
  log::info("apply_space_again", "there is space again, and what waited is applied");
  const std::lock_guard lock(mutex_);
  trouble_.reset();
}

std::optional<std::string> Applier::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace understudy
