// Applier: the resync's side, what the Follower wants of the stage.
#include "common/core/assert.h"
#include "common/core/heartbeat.h"
#include "common/logging/log.h"
#include "subscriber/applier.h"

#include <utility>

namespace understudy {

// The stage compares with the true hashes of the file as it is. Where there is no replica, or one
// with pages of another size, it becomes a new file.
void Applier::carry_out(follow::BeginResync& begin) {
  const bool knows_pages = std::exchange(knows_pages_, false);
  stage_.reset();
  is_resyncing_ = true;
  wants_finish_ = false;
  stream_ = begin.stream;
  if (!replica_ && Replica::look_for(database_) == ReplicaFile::present) {
    open_replica(stream_, std::exchange(kept_lock_, std::nullopt));
    is_lost_ = true;
  }
  if (replica_ && replica_->page_size() != begin.outline.page_size) {
    checkpoint_thread_.reset();
    checkpointer_.reset();
    replica_.reset();
  }
  if (replica_ && replica_->has_pending()) replica_->abandon();
  if (replica_ && is_lost_ && !knows_pages) {
    progress_.begin("comparing " + database_, replica_->page_count(), ProgressUnit::pages);
    replica_->rescan([this](PageNo done, PageNo) {
      heartbeat::turn();
      progress_.advance(done);
    });
    progress_.end();
  }
  stage_.emplace(StageOptions{.state_dir = directory_.path(), .vfs = {}}, begin.outline,
                 replica_ ? &*replica_ : nullptr);
  keep_after_ = 0;
  publish_outline();
  progress_.begin("resyncing " + database_,
                  std::uint64_t{begin.outline.page_count} * begin.outline.page_size,
                  ProgressUnit::bytes);
}

void Applier::carry_out(follow::HashGroup& group) {
  if (!stage_) return;
  auto request = stage_->request(group.first, group.count);
  tell_([first = group.first, known = std::move(request.known)](Follower& follower) mutable {
    follower.on_hashes(first, std::move(known));
  });
}

void Applier::carry_out(follow::StoreGroup& group) {
  if (!stage_) return;
  const auto& answer = group.answer;
  switch (stage_->put(answer)) {
    case Stage::Put::accepted:
    case Stage::Put::ignored:
      progress_.advance(std::uint64_t{answer.first - 1 + answer.count} * answer.page_size);
      tell_([first = answer.first](Follower& follower) { follower.on_group_stored(first); });
      return;
    case Stage::Put::refused:
      return fail_resync("the peer answered with pages that were not asked for");
    case Stage::Put::reshaped:
      return fail_resync("the primary's page size has changed");
  }
}

void Applier::carry_out(follow::FinishResync&) {
  if (!stage_) return;
  wants_finish_ = true;
  try_finish();
}

void Applier::try_finish() {
  const heartbeat::LongWork work;  // it reads and fsyncs whole files
  log_ = open_log_();              // the log may have begun anew since
  switch (stage_->complete(*log_)) {
    case Stage::Completion::proved:
      return finish();
    case Stage::Completion::records_missing:
      return;
    case Stage::Completion::records_lost:
      return fail_resync("the log has not all records that the staged pages need");
    case Stage::Completion::mismatch:
      is_lost_ = true;
      return fail_resync("the staged pages do not have the state sum on record");
  }
}

void Applier::finish() {
  const auto position = stage_->position();
  if (replica_) {
    replica_->replace(*stage_);
    stage_.reset();
  } else {
    stage_->install(database_);
    auto hashes = stage_->take_hashes();
    stage_.reset();
    open_replica(stream_, std::nullopt);
    replica_->adopt(position, std::move(hashes));
  }
  Stage::discard(directory_.path());
  US_ASSERT(replica_->position() == position, "the replica shows what the stage proved");
  wants_finish_ = false;
  is_lost_ = is_resyncing_ = false;
  has_more_ = true;
  progress_.end();
  publish_outline();
  ++meters_->resyncs;
  log::info("resync_finished", "the replica shows the primary's state",
            {{"position", position.to_string()}});
  tell_([position](Follower& follower) { follower.on_resync_finished(position); });
  save();  // last: on a full disk it fails, and the resync is done all the same
}

void Applier::fail_resync(const std::string& reason) {
  stage_.reset();
  wants_finish_ = false;
  progress_.end();
  tell_([reason](Follower& follower) { follower.on_resync_failed(reason); });
}

// The Follower waits for this before it speaks to anybody. Work that it gave before is done by now;
// a stage under way is begun anew, and finds what is staged.
void Applier::tell_what_is_left(Seq rewound_to) {
  stage_.reset();
  wants_finish_ = false;
  progress_.end();
  std::optional<Position> left;
  if (can_apply() && replica_->position().seq <= rewound_to) {
    left = replica_->position();
  } else if (can_apply()) {
    log::warning("replica_beyond_log", "the replica shows records that were taken back",
                 {{"position", replica_->position().to_string()}});
    is_lost_ = knows_pages_ = true;
    has_more_ = false;
  }
  publish_outline();
  tell_([left](Follower& follower) { follower.on_replica_rewound(left); });
}

}  // namespace understudy
