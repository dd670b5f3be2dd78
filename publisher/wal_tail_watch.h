// TailWatch: what the tailer has seen moving and when, turned into the timed parts of a TailLook.
//
// Question answered: is the window due, does somebody's checkpoint wait for us, does the
// application checkpoint at all, does it pause? Asks locks by LockProbe, never takes one.
// Owned by the capture thread.
#pragma once

#include "common/wal/lock_probe.h"
#include "publisher/wal_tail.h"

namespace understudy {

class TailWatch {
 public:
  using Clock = std::chrono::steady_clock;

  TailWatch(const wal::RawDatabase& database, const TailOptions& options, wal::FrameNo last_frame,
            Clock::time_point now);

  void header_moved(Clock::time_point now);
  void generation_began();
  void window_opened(Clock::time_point now);
  void window_given_up(wal::FrameNo last_frame);
  void own_checkpoint_ended(bool closed, wal::FrameNo backfilled, Clock::time_point began,
                            Clock::time_point now);

  // Fills in the timed parts of `look`, whose other parts are there.
  void complete(TailLook& look, wal::FrameNo last_frame, wal::FrameNo backfilled,
                Clock::time_point now);
  // Did something happen so recently that the next poll should come at once?
  [[nodiscard]] bool is_lively(Clock::time_point now) const;

 private:
  void see_backfill(wal::FrameNo backfilled, Clock::time_point now);
  void probe_locks(TailState state, Clock::time_point now);
  [[nodiscard]] bool window_is_due(wal::FrameNo last_frame, Clock::time_point now) const;
  [[nodiscard]] int patience(Clock::time_point now) const;
  [[nodiscard]] bool checkpoint_is_due(wal::FrameNo waiting, Clock::time_point now) const;
  [[nodiscard]] bool is_over_limit(wal::FrameNo last_frame) const;

  wal::LockProbe probe_;
  TailOptions options_;
  std::uint32_t page_size_;
  wal::FrameNo first_frame_;     // of this generation, when we attached
  wal::FrameNo window_at_;       // open the next window at so many frames
  wal::FrameNo backfilled_ = 0;  // as last seen
  int tries_ = 0;                // checkpoints in this window that did not close it
  Clock::time_point header_moved_;
  Clock::time_point backfill_moved_;
  Clock::time_point window_opened_;
  std::optional<Clock::time_point> others_checkpointed_;
  Clock::time_point next_own_checkpoint_;
  Clock::time_point next_rest_;  // not before: bring all home because the application pauses
  Clock::duration rest_;         // the pause that this takes
  Clock::time_point next_probe_;
  Clock::time_point still_since_;  // neither header, nor nBackfill, nor the lock's holder moved
  std::optional<pid_t> checkpointer_;
  bool checkpointer_writes_ = false;  // the same process holds WRITE
};

}  // namespace understudy
