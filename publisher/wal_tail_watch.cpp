#include "publisher/wal_tail_watch.h"

#include <algorithm>

namespace understudy {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kWaitsAfter = microseconds(1500);  // a checkpoint that stands still waits for us
constexpr auto kProbeEvery = milliseconds(1);
constexpr auto kPause = milliseconds(20);  // the application has paused
// … and for so long that we bring all home: then its own checkpoints succeed without waiting. Its
// next commit begins a new WAL and syncs the header, hence not more than so often, and never for
// more than a twentieth of a slow disk's time.
constexpr auto kRest = milliseconds(50);
constexpr auto kLongestRest = seconds(3);
constexpr auto kRestAgainAfter = milliseconds(500);
constexpr int kRestPerCheckpoint = 20;
constexpr auto kOwnAfter = milliseconds(100);  // nobody checkpoints in an open window
// SQLite has no busy handler for CKPT: while ours runs, one of the application fails. So where the
// application has checkpointed lately, it is given far more time to do it again.
constexpr auto kLately = seconds(10);
constexpr int kPatience = 25;
constexpr auto kOwnAgainAfter = seconds(1);  // … when ours did not close it
constexpr auto kLively = milliseconds(20);
constexpr int kTries = 8;
constexpr int kTriesOfOwn = 4;  // what a checkpoint of ours counts for

}  // namespace

TailWatch::TailWatch(const wal::RawDatabase& database, const TailOptions& options,
                     wal::FrameNo last_frame, Clock::time_point now)
    : probe_(database.path()),
      options_(options),
      page_size_(database.page_size()),
      first_frame_(last_frame),
      window_at_(options.window_frames),
      header_moved_(now),
      backfill_moved_(now),
      window_opened_(now),
      next_own_checkpoint_(now),
      next_rest_(now),
      rest_(kRest),
      next_probe_(now),
      still_since_(now) {}

void TailWatch::header_moved(Clock::time_point now) {
  header_moved_ = now;
  still_since_ = now;
}

void TailWatch::generation_began() {
  first_frame_ = 0;
  window_at_ = options_.window_frames;
  tries_ = 0;
}

void TailWatch::window_opened(Clock::time_point now) {
  window_opened_ = now;
}

void TailWatch::window_given_up(wal::FrameNo last_frame) {
  window_at_ = last_frame + options_.window_frames;
  tries_ = 0;
}

void TailWatch::own_checkpoint_ended(bool closed, wal::FrameNo backfilled, Clock::time_point began,
                                     Clock::time_point now) {
  backfilled_ = backfilled;
  rest_ = std::clamp<Clock::duration>(kRestPerCheckpoint * (now - began), kRest, kLongestRest);
  next_rest_ = now + kRestAgainAfter;
  if (closed) return;
  tries_ += kTriesOfOwn;
  next_own_checkpoint_ = now + kOwnAgainAfter;
}

void TailWatch::see_backfill(wal::FrameNo backfilled, Clock::time_point now) {
  if (backfilled == backfilled_) return;
  backfilled_ = backfilled;
  backfill_moved_ = now;
  still_since_ = now;
  if (backfilled != 0) others_checkpointed_ = now;
  ++tries_;
}

void TailWatch::probe_locks(TailState state, Clock::time_point now) {
  if (state != TailState::leaving && now < next_probe_) return;
  next_probe_ = now + kProbeEvery;
  const auto holder = probe_.holder(wal::Lock::checkpoint);
  if (holder != checkpointer_) still_since_ = now;
  checkpointer_ = holder;
  if (holder) others_checkpointed_ = now;
  checkpointer_writes_ = holder && probe_.holder(wal::Lock::write) == holder;
  if (!checkpointer_writes_) still_since_ = now;
}

bool TailWatch::window_is_due(wal::FrameNo last_frame, Clock::time_point now) const {
  if (last_frame >= window_at_) return true;
  if (now < next_own_checkpoint_ || now < next_rest_) return false;
  return now - header_moved_ >= std::max<Clock::duration>(rest_, patience(now) * kPause);
}

int TailWatch::patience(Clock::time_point now) const {
  return others_checkpointed_ && now - *others_checkpointed_ < kLately ? kPatience : 1;
}

bool TailWatch::checkpoint_is_due(wal::FrameNo waiting, Clock::time_point now) const {
  if (now < next_own_checkpoint_) return false;
  const int factor = patience(now);
  if (now - header_moved_ >= factor * kPause) return true;
  const auto quiet_since = std::max(window_opened_, backfill_moved_);
  return waiting >= options_.window_frames && now - quiet_since >= factor * kOwnAfter;
}

bool TailWatch::is_over_limit(wal::FrameNo last_frame) const {
  // Letting go helps only against what has grown since we attached.
  const auto frames = options_.may_take_write_lock ? last_frame : last_frame - first_frame_;
  return wal::frame_offset(frames + 1, page_size_) > options_.wal_hard_limit_bytes;
}

void TailWatch::complete(TailLook& look, wal::FrameNo last_frame, wal::FrameNo backfilled,
                         Clock::time_point now) {
  see_backfill(backfilled, now);
  probe_locks(look.state, now);
  look.checkpoint_held = checkpointer_.has_value();
  look.checkpoint_waits = checkpointer_writes_ && now - still_since_ >= kWaitsAfter;
  look.window_due = window_is_due(last_frame, now);
  look.window_missed = tries_ >= kTries;
  look.checkpoint_due = checkpoint_is_due(last_frame - std::min(backfilled, last_frame), now);
  look.over_limit = is_over_limit(last_frame);
  look.may_take_write_lock = options_.may_take_write_lock;
}

bool TailWatch::is_lively(Clock::time_point now) const {
  const auto last = std::max({header_moved_, backfill_moved_, window_opened_});
  return now - last < kLively || (checkpointer_ && now - still_since_ < kLively);
}

}  // namespace understudy
